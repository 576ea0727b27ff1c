"""The functions that the pytest plugin calls."""
