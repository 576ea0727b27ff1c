"""The built-in experiments, one file each; ``catalog`` lists them, and ``suites`` combines them."""
