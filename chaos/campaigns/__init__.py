"""Many runs: seeds as jobs, campaigns, suites, and their reports."""
