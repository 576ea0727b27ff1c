"""How fast known defects are found, and whether the reference engine is let alone."""
