"""A soak: seeds of a suite, unattended, for hours or weeks."""
