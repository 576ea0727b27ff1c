"""The story of a failure: what happened, what contradicts it, and which promise is broken, in sentences."""
