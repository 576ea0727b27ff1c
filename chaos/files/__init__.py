"""Identify and validate a user's files."""
