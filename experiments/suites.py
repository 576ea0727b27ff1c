"""Suites: experiments with drivers, sizes and what is expected of them."""

from __future__ import annotations

from chaos.campaign import Facet

SEED_DEFECT = "new-channel-null-module-ctx"

SUITES: dict[str, tuple[str, tuple[Facet, ...]]] = {
    "smoke": (
        "the clean engine under all three drivers, and the first defect caught; under a minute",
        (
            Facet(experiment="baseline", driver="sim", seeds=100),
            Facet(experiment="disk-failure", driver="sim", seeds=200),
            Facet(experiment="connect-during-rebuild", driver="sim", seeds=200),
            Facet(experiment="connect-during-rebuild", driver="lockstep", seeds=20),
            Facet(experiment="connect-during-rebuild", driver="realtime", seconds=8),
            Facet(
                experiment="connect-during-rebuild",
                driver="sim",
                seeds=50,
                defects=(SEED_DEFECT,),
                stop_on_first=True,
                expect_code=5,
            ),
        ),
    ),
}
