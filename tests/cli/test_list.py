"""``raidstorm list``: headings with counts, a line for each name, details on demand."""

import re

import msgspec
import pytest

from chaos.cli.commands.list import SINGULAR, TOPICS
from chaos.cli.listing import _experiment_details, lines_of_topic
from experiments.catalog import EXPERIMENTS
from experiments.found_by import FOUND_BY
from experiments.suites import SUITES
from tests.chaos.plan.test_sequence import PULLED_TWICE
from tests.inside import CATALOG, inside
from tests.support import SEED_DEFECT
from workers.defects.loader import known_defects


def test_without_a_topic_it_has_all_headings_with_counts_and_all_names():
    done = inside("list")
    headings = dict(re.findall(r"^(\w+) \((\d+)\): ", done.stdout, re.MULTILINE))
    assert list(headings) == list(TOPICS)
    names = set(re.findall(r"[^\s,]+", done.stdout))
    for topic, number in headings.items():
        lines = lines_of_topic(CATALOG, topic)
        assert int(number) == len(lines)
        assert set(lines) <= names
    assert max(map(len, done.stdout.splitlines())) <= 100
    for word in ("connect-during-rebuild", "smoke", SEED_DEFECT, "disk_pull", "register"):
        assert word in names


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_has_a_line_for_each_name_and_its_details(topic):
    lines = lines_of_topic(CATALOG, topic)
    shown = inside("list", topic).stdout.splitlines()
    assert shown[0].startswith(f"{topic} ({len(lines)}): ")
    for name, what in lines.items():
        assert [line for line in shown if line.split() == [name, *what.split()]], name
    details = inside("list", topic, "-v").stdout
    assert details.count("\n\n") >= len(lines) - 1
    first = next(iter(lines))
    assert inside("list", topic, first).stdout.rstrip() == details.partition("\n\n")[
        0
    ].rstrip() or (
        # A docstring has empty lines of its own.
        topic == "defects"
    )


def test_defect_has_its_source_and_the_experiments_that_find_it():
    text = inside("list", "defects", SEED_DEFECT).stdout
    assert "Source: SPDK issue #3343" in text
    assert f"found by {', '.join(FOUND_BY[SEED_DEFECT])}" in " ".join(text.split())
    lines = inside("list", "defects").stdout
    assert lines.count("found by ") == len(known_defects())


def test_experiments_that_find_a_defect_are_real_ones():
    assert list(FOUND_BY) == known_defects()
    for defect, experiments in FOUND_BY.items():
        assert experiments, defect
        assert set(experiments) <= set(EXPERIMENTS)
        assert len(set(experiments)) == len(experiments)
    # The seed defect is found where its experiment looks for it.
    assert "connect-during-rebuild" in FOUND_BY[SEED_DEFECT]


def test_experiment_and_suite_tell_what_is_in_them():
    text = inside("list", "experiments", "swarm").stdout
    for fault in EXPERIMENTS["swarm"].faults:
        assert fault.kind in text
    text = inside("list", "suites", "smoke").stdout
    assert "must end with 5" in text
    assert len(text.splitlines()) == len(SUITES["smoke"].facets) + 2


def test_name_in_place_of_a_topic_is_answered_with_its_topics():
    for name, words in {
        "swarm": "swarm is an experiment and a strategy: raidstorm list experiments swarm",
        "target_kill": "target_kill is a fault: raidstorm list faults target_kill",
        "fautls": "'fautls' is neither a topic nor a name; did you mean faults?",
    }.items():
        done = inside("list", name)
        assert done.returncode == 2
        assert words in done.stderr
        assert "probes|drivers" not in done.stderr.partition("Error:")[2]


def test_every_topic_has_its_singular():
    assert list(SINGULAR) == list(TOPICS)


def test_details_of_an_experiment_have_its_sequence_and_gates_per_run():
    lines = _experiment_details(PULLED_TWICE)
    assert "sequence    disk_pull, disk_pull, target_kill" in lines
    gated = msgspec.structs.replace(PULLED_TWICE, reach_per_run={"sequence_completed": 60})
    assert "must reach  sequence_completed in 60 % of runs" in _experiment_details(gated)
