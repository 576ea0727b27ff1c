"""One module a command: its arguments and its help. It imports what does the work when the command runs."""
