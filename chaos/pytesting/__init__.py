"""What the pytest plugin calls."""
