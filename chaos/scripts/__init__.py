"""Replays of a recorded run with changes, for shrinking, regressions and tests."""
