"""What a shell may complete where click doesn't know: names of what there is. Each list is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.shell_completion import CompletionItem

from chaos.cli.parameters import Catalog


def _catalog(context: click.Context) -> Catalog:
    return context.find_object(Catalog) or Catalog({}, {})


def _matching(names: Mapping[str, str], incomplete: str, before: str = "") -> list[CompletionItem]:
    """Return names that begin so; where there are none, it will be a file."""
    found = [
        CompletionItem(before + name, help=what)
        for name, what in names.items()
        if name.startswith(incomplete)
    ]
    return found or [CompletionItem(before + incomplete, type="file")]


def _experiments(context: click.Context) -> dict[str, str]:
    return {name: one.description for name, one in _catalog(context).experiments.items()}


def _suites(context: click.Context) -> dict[str, str]:
    return {name: suite.description for name, suite in _catalog(context).suites.items()}


def _defects() -> dict[str, str]:
    from workers.defects.loader import known_defects, summary
    from workers.protocol import DefectSource

    return {name: summary(DefectSource(name)) for name in known_defects()}


def complete_experiments(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete experiments and files."""
    return _matching(_experiments(context), incomplete)


def complete_suites(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete suites and files."""
    return _matching(_suites(context), incomplete)


def complete_runnable(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete experiments, suites and files."""
    return _matching(_experiments(context) | _suites(context), incomplete)


def complete_defects(
    _: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete defects and files; 'none' where the option takes it."""
    none = {"none": "the reference engine"} if "none" in str(parameter.metavar) else {}
    return _matching(none | _defects(), incomplete)


def complete_defect_list(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the last of several defects with commas between them."""
    before, comma, last = incomplete.rpartition(",")
    return _matching({"all": "all built-in ones"} | _defects(), last, before + comma)


def complete_strategies(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the last of several strategies with plus signs between them."""
    from chaos.plan.strategies import STRATEGIES

    before, plus, last = incomplete.rpartition("+")
    words = dict.fromkeys(("all", "each", "without"), "") if not plus else {}
    strategies = {name: strategy.text for name, strategy in STRATEGIES.items()}
    return _matching(words | strategies, last, before + plus)


def complete_checks(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete built-in checks, and files for all others."""
    from chaos.checkers import CHECKS

    return _matching({name: what for name, (_, what) in CHECKS.items()}, incomplete)


def complete_listed(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete names of the topic that stands before them."""
    from chaos.cli.listing import lines_of_topic

    topic = context.params.get("topic")
    names = lines_of_topic(_catalog(context), topic) if topic else {}
    return [
        CompletionItem(name, help=what)
        for name, what in names.items()
        if name.startswith(incomplete)
    ]


def complete_files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete files and directories: run directories, capsules."""
    return [CompletionItem(incomplete, type="file")]
