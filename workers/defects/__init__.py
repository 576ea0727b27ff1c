"""Known defects, one file each; see docs/internals/defects.md."""
