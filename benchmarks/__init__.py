"""What ``make bench`` runs. Speeds are ratios to a floor measured in the same run: machines are noisy."""
