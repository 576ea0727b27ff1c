"""Experiments, which are values, and the plan that a seed draws from one."""
