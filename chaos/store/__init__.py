"""What stays on disk: capsules, run directories, and reading them back."""
