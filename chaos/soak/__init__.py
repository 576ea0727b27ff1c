"""A soak: seeds of a suite, for hours or weeks, without supervision."""
