"""The table of fidelity: every claim has a scenario that shows it, and every declared difference and scenario has a row."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from chaos.conforming.compare import Verdict
from chaos.conforming.declared import DECLARED
from chaos.conforming.declared_verdicts import DECLARED_VERDICTS
from chaos.conforming.superblocks import read_cases
from tests.chaos.conforming.recordings import ALL, SUPERBLOCKS, compared, scenario
from tests.support import ROOT

PAGE = ROOT / "docs" / "internals" / "fidelity.md"
NOT_MODELLED = "not modelled"
CASES = read_cases(SUPERBLOCKS.read_bytes(), SUPERBLOCKS).cases
NAMES = [one.name for one in ALL]


class Row(NamedTuple):
    """A row of the page's table."""

    topic: str
    spdk: str
    engine: str
    verdict: str
    shown: list[str]


def rows() -> list[Row]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return [Row(*row[:4], re.findall(r"`([^`]+)`", row[4])) for row in cells]


ROWS = rows()


def test_each_row_says_one_of_three_things():
    for row in ROWS:
        assert row.verdict in ("same", NOT_MODELLED) or row.verdict.startswith("differs: "), row
        assert re.search(r"`\w+`", row.spdk), row.topic


def test_declared_differences_and_rows_that_differ_are_the_same():
    differ = {row.topic: row for row in ROWS if row.verdict.startswith("differs: ")}
    assert list(differ) == [one.topic for one in (*DECLARED, *DECLARED_VERDICTS)]
    for one in (*DECLARED, *DECLARED_VERDICTS):
        row = differ[one.topic]
        assert row.spdk == f"{one.spdk} (`{one.function}`)"
        assert (row.engine, row.verdict) == (one.engine, f"differs: {one.why}")


def test_each_declared_difference_has_its_scenarios():
    declared = {one.topic: list(one.scenarios) for one in DECLARED}
    for row in ROWS:
        if row.topic in declared:
            assert row.shown == declared[row.topic] != []
        elif row.topic.startswith("superblock-"):
            assert [case.name for case in CASES if case.name in row.shown] == row.shown != []


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.verdict == "same"], ids=lambda row: row.topic
)
def test_what_is_the_same_is_equal_in_the_scenarios_that_are_named(row):
    assert row.shown
    for name in row.shown:
        if name != SUPERBLOCKS.name:
            assert compared(scenario(name)).verdict is Verdict.EQUAL


def test_every_recorded_scenario_is_in_one_row():
    shown = [name for row in ROWS for name in row.shown if name in NAMES]
    assert sorted(shown) == sorted(NAMES)


def test_what_is_not_modelled_claims_nothing_about_a_scenario():
    left_out = [row for row in ROWS if row.verdict == NOT_MODELLED]
    assert left_out
    assert [row.shown for row in left_out] == [[]] * len(left_out)
