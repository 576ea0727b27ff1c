"""A run for people to look at: lanes, bands, trace and timeline."""
