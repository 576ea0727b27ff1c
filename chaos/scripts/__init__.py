"""A recorded run, played again with changes: shrinking, regressions and tests use it."""
