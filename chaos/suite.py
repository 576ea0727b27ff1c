"""Public: what a suite is written with. Users' files import from here; the code is in chaos/campaigns/."""

from chaos.campaigns.suite import (
    NEVER_EXPECTED,
    SEED_SECONDS,
    Facet,
    Suite,
    SuiteError,
    check_suite,
    facets_of,
    subset,
)

__all__ = [
    "NEVER_EXPECTED",
    "SEED_SECONDS",
    "Facet",
    "Suite",
    "SuiteError",
    "check_suite",
    "facets_of",
    "subset",
]
