"""Suites: frozen, declarative values. A suite is experiments times facets, with budgets and gates.

The same field names are used in Python and in TOML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from chaos.checkers.finding import NAMES
from chaos.plan.driver_names import DRIVERS
from chaos.plan.experiment import NAME, Experiment, check_reach
from chaos.plan.reach_vocabulary import current_names
from chaos.plan.wrong_values import with_hint
from chaos.store.capsule import DriverName

# The rough cost of a seed, in seconds. It is used only to share facets out evenly.
SEED_SECONDS = {name: driver.seed_seconds for name, driver in DRIVERS.items()}
NEVER_EXPECTED = (2, 70, 130)  # the disk is full, raidstorm itself broke, or it was stopped


class SuiteError(Exception):
    """The suite can't be used; the message is one sentence."""


class Facet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way of running an experiment: the driver, the number of seeds or seconds, and the expected exit code.

    Without an experiment of its own it is run with each of its suite's. Its ``reach`` is required in addition to the
    experiment's gates, after any number of runs. ``share`` is for soaks, which ignore budgets: the weight of its seeds
    among those of the other facets of its driver.
    """

    name: str = ""
    experiment: str | Experiment = ""
    driver: DriverName = "sim"
    first_seed: int = 0
    seeds: int | None = None
    seconds: float | None = None
    defects: tuple[str, ...] = ()
    stop_on_first: bool = False
    expect_code: int = 0
    reach: dict[str, int] = {}
    share: int = 1

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "reach", current_names(self.reach))


class Suite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facets that are run together; ``reach`` is required of all facets that must be valid, together."""

    name: str
    description: str = ""
    experiments: tuple[str | Experiment, ...] = ()
    facets: tuple[Facet, ...]
    reach: dict[str, int] = {}

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "reach", current_names(self.reach))


def check_suite(suite: Suite) -> Suite:
    """Return the suite itself; raise SuiteError, or ExperimentError for a gate that counts nothing."""
    try:
        # In Python a field can have a value of any type; this checks the types.
        msgspec.convert(msgspec.to_builtins(suite), Suite)
    except (msgspec.ValidationError, TypeError) as error:
        hint = with_hint(str(error), Suite)
        raise SuiteError(f"suite {suite.name!r} is not valid: {hint}") from None
    if not NAME.fullmatch(suite.name):
        raise SuiteError(
            f"name = {suite.name!r}: a suite's name may have letters, digits, '-', '_' and '.', and begins "
            "with a letter or digit"
        )
    if not suite.facets:
        raise SuiteError(f"suite {suite.name} has no facets, so there is nothing to run")
    if suite.experiments and all(facet.experiment for facet in suite.facets):
        raise SuiteError(
            f"suite {suite.name}: every facet has an experiment of its own, so no facet is "
            "left for 'experiments'; remove it, or the facets' own"
        )
    for number, facet in enumerate(suite.facets):
        _check_facet(suite, facet, f"suite {suite.name}: facets[{number}]")
    check_reach(f"suite {suite.name}", suite.reach)
    names = [facet.name for facet in facets_of(suite)]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise SuiteError(f"suite {suite.name} has two facets named {name}; rename one")
    return suite


def _check_facet(suite: Suite, facet: Facet, where: str) -> None:
    if facet.name and not NAME.fullmatch(facet.name):
        raise SuiteError(
            f"{where}: its name {facet.name!r} may have letters, digits, '-', '_' and '.'"
        )
    if not facet.experiment and not suite.experiments:
        raise SuiteError(f"{where} has no experiment, and the suite has none for it either")
    if facet.seeds is None and facet.seconds is None:
        raise SuiteError(f"{where} would never end; give it 'seeds' or 'seconds'")
    if facet.seeds is not None and facet.seeds < 1:
        raise SuiteError(f"{where}: seeds = {facet.seeds} must be at least 1")
    if facet.seconds is not None and not 0 < facet.seconds < float("inf"):
        raise SuiteError(f"{where}: seconds = {facet.seconds} is not a valid time")
    if facet.share < 1:
        raise SuiteError(f"{where}: share = {facet.share} must be at least 1")
    if facet.first_seed < 0:
        raise SuiteError(f"{where}: first_seed = {facet.first_seed} must be 0 or more")
    if facet.expect_code not in NAMES or facet.expect_code in NEVER_EXPECTED:
        codes = ", ".join(str(code) for code in NAMES if code not in NEVER_EXPECTED)
        raise SuiteError(f"{where}: expect_code = {facet.expect_code} is not one of {codes}")
    check_reach(where, facet.reach)


def facets_of(suite: Suite) -> list[Facet]:
    """Combine experiments and facets, in order, and give each its experiment and a unique name."""
    found: list[Facet] = []
    taken: dict[str, int] = {}
    for facet in suite.facets:
        for experiment in [facet.experiment] if facet.experiment else suite.experiments:
            name = _name_of(facet, experiment)
            if not (facet.name and facet.experiment):
                taken[name] = taken.get(name, 0) + 1
                name = name if taken[name] == 1 else f"{name}-{taken[name]}"
            found.append(msgspec.structs.replace(facet, experiment=experiment, name=name))
    return found


def _name_of(facet: Facet, experiment: str | Experiment) -> str:
    if facet.name and facet.experiment:
        return facet.name
    whole = experiment.name if isinstance(experiment, Experiment) else experiment
    words = [re.sub(r"^.*[/:]|\.(toml|py)$", "", whole), facet.name or facet.driver]
    if facet.defects and not facet.name:
        words.append("with")
        words += [re.sub(r"^.*/|\.py$", "", defect) for defect in facet.defects]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(words))


def subset(facets: Sequence[Facet], number: int, of: int) -> list[Facet]:
    """Return the facets of one of ``of`` parts, counted from 1: disjoint, together all of them, and about as long.

    Raise SuiteError where a part would be empty, since it would pass without a run.
    """
    if of > len(facets):
        raise SuiteError(
            f"there are {len(facets)} facets, so some of {of} parts would be empty; use at most "
            f"{len(facets)}"
        )
    loads = [0.0] * of
    part_of: dict[int, int] = {}
    # The longest facet comes first, each into the part with the least time.
    for index in sorted(range(len(facets)), key=lambda index: (-_cost(facets[index]), index)):
        lightest = loads.index(min(loads))
        loads[lightest] += _cost(facets[index])
        part_of[index] = lightest
    return [facet for index, facet in enumerate(facets) if part_of[index] == number - 1]


def _cost(facet: Facet) -> float:
    """Estimate the seconds; a facet that must fail often does so early."""
    seconds = [] if facet.seconds is None else [facet.seconds]
    if facet.seeds is not None:
        seconds.append(facet.seeds * SEED_SECONDS[facet.driver])
    # The cost is never 0, so that no part stays empty while there are facets enough.
    return max(min(seconds), 0.01)
