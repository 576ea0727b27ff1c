"""Runs of seeds with given search strategies."""

import msgspec

from chaos.drivers.sim import SimDriver
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS

SWARM = EXPERIMENTS["swarm"]


def searched_with(experiment, *names):
    """Return the experiment with these strategies only."""
    return msgspec.structs.replace(experiment, strategies=names)


def explore(plan, seed=0):
    """Run a seed on the reference engine."""
    return Controller(plan, SimDriver(), ()).explore(seed)
