"""The drivers of the engine: in this process, in stepped processes, or in free-running ones."""
