"""The search strategies an experiment may name; ``chaos/strategies/`` has them."""

STRATEGY_NAMES = ("random", "pct", "hold", "swarm", "pairs", "anchored", "frontier")
DEFAULT_SCHEDULER = "random"
