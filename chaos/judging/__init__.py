"""From executions to verdicts, and to counts of the reached states."""
