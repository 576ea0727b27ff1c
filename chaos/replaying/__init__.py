"""Replays of a stored failure: by its steps, many times, or as a regression."""
