"""The built-in suites: experiments with drivers, budgets and expected results."""

from __future__ import annotations

from chaos.suite import Facet, Suite
from experiments.catalog import EXPERIMENTS

SEED_DEFECT = "new-channel-null-module-ctx"
NIGHTLY_SEEDS = 2_000
NIGHTLY_SWARM_SEEDS = 20_000
SOAK_SECONDS = 8 * 3_600.0

CANARY = Facet(
    experiment="connect-during-rebuild",
    driver="sim",
    seeds=50,
    defects=(SEED_DEFECT,),
    stop_on_first=True,
    expect_code=5,
)


def _nightly() -> tuple[Facet, ...]:
    """Return every experiment in sim, and the most revealing ones in processes as well."""
    stepped = tuple(
        Facet(experiment=name, driver="sim", seeds=NIGHTLY_SEEDS)
        for name in EXPERIMENTS
        if name != "swarm"
    )
    return (
        *stepped,
        Facet(experiment="swarm", driver="sim", seeds=NIGHTLY_SWARM_SEEDS),
        Facet(experiment="swarm", driver="lockstep", seeds=500),
        Facet(experiment="connect-during-rebuild", driver="realtime", seconds=120),
        Facet(experiment="restart-from-superblock", driver="realtime", seconds=120),
        Facet(experiment="swarm", driver="realtime", seconds=300),
        CANARY,
    )


SMOKE = Suite(
    name="smoke",
    description="the clean engine under all three drivers, and the first defect caught; under a minute",
    facets=(
        Facet(experiment="baseline", driver="sim", seeds=100),
        Facet(experiment="disk-failure", driver="sim", seeds=100),
        Facet(experiment="connect-during-rebuild", driver="sim", seeds=100),
        Facet(experiment="restart-from-superblock", driver="sim", seeds=100),
        Facet(experiment="power-loss", driver="sim", seeds=100),
        Facet(experiment="swarm", driver="sim", seeds=100),
        Facet(experiment="connect-during-rebuild", driver="lockstep", seeds=20),
        Facet(experiment="connect-during-rebuild", driver="realtime", seconds=8),
        CANARY,
    ),
)
NIGHTLY = Suite(
    name="nightly",
    description="every experiment with thousands of seeds, swarm also in processes; about half an hour on two cores",
    facets=_nightly(),
)
SOAK = Suite(
    name="soak",
    description="swarm with new seeds for eight hours, then free-running for one; 'raidstorm soak' runs both side by side",
    facets=(
        Facet(experiment="swarm", driver="sim", seconds=SOAK_SECONDS),
        Facet(experiment="swarm", driver="realtime", seconds=3_600.0),
        CANARY,
    ),
)
SUITES: dict[str, Suite] = {suite.name: suite for suite in (SMOKE, NIGHTLY, SOAK)}
