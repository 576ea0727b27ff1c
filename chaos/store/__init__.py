"""The files of runs: capsules, run directories, and reading them back."""
