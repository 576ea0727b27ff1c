"""``raidstorm list``: headings with counts; with a topic, a line for each name; with names or -v, the details."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import click

from chaos.cli.commands.list import TOPICS
from chaos.cli.parameters import Catalog, Loudness
from chaos.cli.screen import Screen
from workers.spelling import did_you_mean

if TYPE_CHECKING:
    from chaos.campaigns.suite import Facet, Suite
    from chaos.plan.experiment import Experiment, Fault, Operation

WIDTH = 100  # characters
GLUE = "\0"  # a space that textwrap leaves alone
SHOWN_MAX = 3  # experiments on the line of a defect


class ListArguments(NamedTuple):
    """The arguments as they were typed."""

    topic: str | None
    names: tuple[str, ...]
    loudness: Loudness = Loudness.NORMAL


def show(catalog: Catalog, arguments: ListArguments) -> None:
    """Print what is asked for."""
    screen = Screen(arguments.loudness)
    topic = arguments.topic
    if topic is None:
        for one in TOPICS:
            _show_names(screen, catalog, one)
        screen.say(
            "'raidstorm list TOPIC' has a line for each, 'raidstorm list TOPIC NAME' details"
        )
        return
    lines = lines_of_topic(catalog, topic)
    for name in arguments.names:
        if name not in lines:
            raise click.UsageError(f"{topic}: there is no {name!r}{did_you_mean(name, lines)}")
    if arguments.names or screen.is_verbose:
        _show_details(screen, catalog, topic, arguments.names or tuple(lines))
    else:
        _show_lines(screen, catalog, topic, lines)


def lines_of_topic(catalog: Catalog, topic: str) -> Mapping[str, str]:
    """Return the names of a topic, each with a line about it. Only what the topic needs is imported."""
    return _TABLES[topic](catalog)


def _heading(topic: str, number: int) -> str:
    return f"{topic} ({number}): {TOPICS[topic]}"


def _show_names(screen: Screen, catalog: Catalog, topic: str) -> None:
    names = list(lines_of_topic(catalog, topic))
    screen.say(_heading(topic, len(names)), "bold")
    # A name is never broken at its hyphens.
    wrapper = textwrap.TextWrapper(
        WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    for line in wrapper.wrap(", ".join(names)):
        screen.say(line)


def _show_lines(screen: Screen, catalog: Catalog, topic: str, lines: Mapping[str, str]) -> None:
    screen.say(_heading(topic, len(lines)), "bold")
    width = max(map(len, lines), default=0)
    for name, line in lines.items():
        screen.say(f"  {name:<{width}}  {line}")
        if topic == "defects":
            screen.say(f"  {'':<{width}}  {_found_by(catalog, name, at_most=SHOWN_MAX)}", "dim")


def _show_details(screen: Screen, catalog: Catalog, topic: str, names: tuple[str, ...]) -> None:
    lines = lines_of_topic(catalog, topic)
    for number, name in enumerate(names):
        if number:
            screen.say()
        screen.say(name, "bold")
        for line in _details(catalog, topic, name) or [lines[name]]:
            screen.say(f"  {line}".rstrip())


def _details(catalog: Catalog, topic: str, name: str) -> list[str]:
    """Return more than the line about it, where there is more."""
    match topic:
        case "defects":
            return _defect_details(catalog, name)
        case "experiments":
            return _experiment_details(catalog.experiments[name])
        case "suites":
            return _suite_details(catalog.suites[name])
        case "faults":
            from chaos.plan.faults import FAULTS

            return [FAULTS[name].what, f"effects are counted as {FAULTS[name].effect}"]
        case "states":
            from chaos.plan.reach_vocabulary import STATES

            state = STATES[name]
            begins, ends = " or ".join(state.begins), " or ".join(state.ends)
            return [state.what, f"from {begins} to {ends}"]
        case "differences":
            return _difference_details(name)
        case _:
            return []


def _difference_details(name: str) -> list[str]:
    from chaos.conforming.declared import DECLARED
    from chaos.conforming.declared_verdicts import DECLARED_VERDICTS

    row = next(row for row in (*DECLARED, *DECLARED_VERDICTS) if row.topic == name)
    shown = [f"SPDK ({row.function}): {row.spdk}", f"engine: {row.engine}", f"why: {row.why}"]
    if row.defect:
        shown.append(f"--defect {row.defect} does as SPDK does")
    return shown


def _defect_details(catalog: Catalog, name: str) -> list[str]:
    from workers.defects.loader import docstring
    from workers.protocol import DefectSource

    found_by = textwrap.wrap(_found_by(catalog, name), WIDTH, break_on_hyphens=False)
    return [*docstring(DefectSource(name)).splitlines(), *found_by]


def _found_by(catalog: Catalog, name: str, at_most: int = 100) -> str:
    experiments = catalog.found_by.get(name, ())
    if not experiments:
        return "no experiment finds it"
    more = len(experiments) - at_most
    rest = f" and {more} more" if more > 0 else ""
    return f"found by {', '.join(experiments[:at_most])}{rest}"


def _experiment_details(experiment: Experiment) -> list[str]:
    """Return what an experiment breaks and does, and its gates."""
    kinds: dict[str, list[str]] = {
        "faults": [_planned(one) for one in experiment.faults],
        "operations": [_planned(one) for one in experiment.operations],
        "sequence": [act.kind for act in experiment.sequence],
        "strategies": list(experiment.strategies),
        "must reach": [
            *(f"{wanted} {name}" for name, wanted in experiment.reach.items()),
            *(f"{name} in {wanted} % of runs" for name, wanted in experiment.reach_per_run.items()),
        ],
        "checks": list(experiment.checks),
    }
    sizes = {"reactors": experiment.reactors, "members": experiment.members}
    sizes |= {"spares": experiment.spares, "hosts": experiment.hosts, "blocks": experiment.blocks}
    shown = ", ".join(f"{_range(value)} {name}" for name, value in sizes.items())
    lines = [experiment.description, f"{'sizes':<11} {shown}"]
    for title, values in kinds.items():
        if values:
            indent = " " * 12
            # A number stays beside its noun.
            text = f"{title:<11} {', '.join(value.replace(' ', GLUE) for value in values)}"
            wrapped = textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
            lines += [line.replace(GLUE, " ") for line in wrapped]
    return lines


def _planned(one: Fault | Operation) -> str:
    where = " in a rebuild" if one.anchor == "rebuild" else ""
    return f"{_range(one.count)} {one.kind}{where}"


def _range(value: int | tuple[int, int]) -> str:
    return f"{value[0]}-{value[1]}" if isinstance(value, tuple) else str(value)


def _suite_details(suite: Suite) -> list[str]:
    from chaos.campaigns.suite import facets_of

    facets = facets_of(suite)
    width = max(len(facet.name) for facet in facets)
    return [suite.description, *(f"{one.name:<{width}}  {_budget(one)}" for one in facets)]


def _budget(facet: Facet) -> str:
    budgets = [
        f"{facet.seeds:,} seeds" if facet.seeds is not None else "",
        f"{facet.seconds:g} s" if facet.seconds is not None else "",
        f"with {', '.join(facet.defects)}" if facet.defects else "",
        f"must end with {facet.expect_code}" if facet.expect_code else "",
    ]
    return ", ".join(filter(None, budgets))


def _experiments(catalog: Catalog) -> Mapping[str, str]:
    return {name: value.description for name, value in catalog.experiments.items()}


def _suites(catalog: Catalog) -> Mapping[str, str]:
    return {name: value.description for name, value in catalog.suites.items()}


def _defects(_: Catalog) -> Mapping[str, str]:
    from workers.defects.loader import known_defects, summary
    from workers.protocol import DefectSource

    return {name: summary(DefectSource(name)) for name in known_defects()}


def _faults(_: Catalog) -> Mapping[str, str]:
    from chaos.plan.faults import FAULTS

    return {name: fault.what for name, fault in FAULTS.items()}


def _operations(_: Catalog) -> Mapping[str, str]:
    from chaos.plan.operations import OPERATIONS

    return {name: row.what for name, row in OPERATIONS.items()}


def _checks(_: Catalog) -> Mapping[str, str]:
    from chaos.checkers import CHECKS

    return {name: what for name, (_check, what) in CHECKS.items()}


def _states(_: Catalog) -> Mapping[str, str]:
    from chaos.plan.reach_vocabulary import STATES

    return {name: state.what for name, state in STATES.items()}


def _reach(_: Catalog) -> Mapping[str, str]:
    from chaos.plan.reach_vocabulary import REACH_NAMES

    return REACH_NAMES


def _probes(_: Catalog) -> Mapping[str, str]:
    from workers.probes import PROBES

    return PROBES


def _drivers(_: Catalog) -> Mapping[str, str]:
    from chaos.plan.driver_names import DRIVERS

    return {name: driver.text for name, driver in DRIVERS.items()}


def _strategies(_: Catalog) -> Mapping[str, str]:
    from chaos.plan.strategies import STRATEGIES

    return {name: strategy.text for name, strategy in STRATEGIES.items()}


def _differences(_: Catalog) -> Mapping[str, str]:
    from chaos.conforming.declared import DECLARED
    from chaos.conforming.declared_verdicts import DECLARED_VERDICTS

    return {row.topic: row.engine for row in (*DECLARED, *DECLARED_VERDICTS)}


_TABLES: dict[str, Callable[[Catalog], Mapping[str, str]]] = {
    "experiments": _experiments,
    "suites": _suites,
    "defects": _defects,
    "faults": _faults,
    "operations": _operations,
    "checks": _checks,
    "states": _states,
    "reach": _reach,
    "probes": _probes,
    "drivers": _drivers,
    "strategies": _strategies,
    "differences": _differences,
}
