"""Shrinking: from a failing run to the smallest one with the same failure."""
