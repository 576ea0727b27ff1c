"""Sockets under trio."""
