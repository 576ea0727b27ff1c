"""What we run: one file an experiment; ``catalog`` has them all, ``suites`` puts them together."""
