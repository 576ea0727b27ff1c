"""Where the engine lives: in this process, in stepped processes, or in free-running ones."""
