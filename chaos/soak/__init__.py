"""A soak: seeds of a suite, for hours or weeks, that nobody has to look after."""
