"""Runs as people see them: lanes, bands, trace and timeline."""
