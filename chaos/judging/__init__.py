"""From executions to verdicts, and what was reached."""
