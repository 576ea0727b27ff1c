"""Columns of trace.log: the actor of a step, the lane that is answered, the disk that finishes an I/O or is hit."""

import pytest

from chaos.showing.labels import make_labels
from chaos.showing.lanes import LEGEND, lanes_of, marks_of_step
from chaos.showing.narrative import narrate
from chaos.showing.trace import trace_lines
from chaos.showing.wording.words import exact_words
from chaos.steps.schedule import FinishIo, Impair, Inject, Kill, Mark, Operate, Stall
from tests.stories import PLAN, Story
from workers.bdev.disk import FaultKind
from workers.bdev.io import IoType
from workers.bdev.stack import Stack, stacked_bdev_id

LABELS = make_labels(PLAN, 0)
KEYS = [lane.key for lane in lanes_of(PLAN, LABELS)]


def narrated(story, findings=()):
    execution = story.execution()
    return narrate(execution, exact_words(execution, LABELS), list(findings))


def test_every_reactor_disk_and_host_has_a_lane():
    layout = PLAN.layout
    assert len(KEYS) == layout.reactors + layout.disks + PLAN.hosts + 2
    assert [key for key in KEYS if key.startswith("D")] == [
        f"D{number}" for number in range(layout.disks)
    ]
    assert len(set(KEYS)) == len(KEYS)


@pytest.mark.parametrize(
    ("io_type", "mark"),
    [(IoType.READ, "r"), (IoType.WRITE, "w"), (IoType.FLUSH, "f"), (IoType.UNMAP, "u")],
)
def test_disk_is_marked_where_its_io_completes(io_type, mark):
    (step,) = narrated(Story().serve(1, io_type=io_type))
    assert step.marks == {"R0": "*", "D1": mark}


def test_every_kind_of_io_has_a_mark():
    for io_type in IoType:
        assert marks_of_step(FinishIo(0, 1, 0, io_type, 0, 1, 0), "", PLAN)


def test_disk_whose_io_fails_is_hit():
    (step,) = narrated(Story().serve(0, note="failed"))
    assert step.marks["D0"] == "!"


def test_fault_that_bites_marks_its_disk_in_the_step_of_another():
    (step,) = narrated(Story().happen("disk.fault", 1, FaultKind.HANG, IoType.READ, 0, 1))
    assert step.marks == {"R0": "*", "D1": "!"}


def test_injection_and_heal_mark_nemesis_and_disk():
    steps = narrated(
        Story().add(Inject(1, "disk_failure", 1, ())).add(Inject(2, "disk_heal", 1, ()))
    )
    assert [step.marks for step in steps] == [{"NEM": "*", "D1": "!"}, {"NEM": "*", "D1": "+"}]


def test_latency_of_a_delay_bdev_marks_the_disk_under_it():
    bdev = stacked_bdev_id(PLAN.layout, Stack.DELAY, 1)
    broken = Operate(1, "bdev_delay_update_latency", (bdev, 500))
    healed = Operate(2, "bdev_delay_update_latency", (bdev, 0))
    assert ("D1", "!") in marks_of_step(broken, "", PLAN)
    assert ("D1", "+") in marks_of_step(healed, "", PLAN)


def test_host_is_marked_where_it_asks_and_where_it_is_answered():
    asked, answered = narrated(Story().write(7))
    assert asked.marks == {"H0": "*"}
    assert answered.marks == {"R0": "*", "H0": "<"}


def test_answer_to_nobody_marks_nobody():
    steps = narrated(Story().add(Inject(3, "disk_pull", 0, ())).answer(3))
    assert steps[1].marks == {"R0": "*"}


def test_crash_is_stronger_than_acting():
    (step,) = narrated(Story().crash())
    assert step.marks == {"R0": "*", "R1": "X"}


def test_faults_of_reactors_hosts_and_the_target_mark_whom_they_hit():
    assert ("R1", "!") in marks_of_step(Stall(1, 1, 5), "", PLAN)
    assert ("H0", "!") in marks_of_step(Impair(1, "network_cut", 0), "", PLAN)
    assert ("H0", "+") in marks_of_step(Impair(1, "network_heal", 0), "", PLAN)
    assert ("R0", "!") in marks_of_step(Kill(1, ()), "", PLAN)
    assert marks_of_step(Mark("heal"), "", PLAN) == []


def test_columns_of_the_trace_stand_under_their_names():
    execution = Story().serve(1).write(7).execution()
    lines = list(trace_lines(execution, exact_words(execution, LABELS), []))
    assert lines[0] == LEGEND
    head, first, *_ = lines[1:]
    assert head.split() == ["step", *KEYS, "what"]
    for key in KEYS:
        end = head.index(f" {key} ") + len(key)
        expected = {"R0": "*", "D1": "r"}.get(key, ".")
        assert first[end] == expected
    # Narrow: a column is as wide as its name.
    assert head.index("what") == 8 + len(" ".join(KEYS)) + 2
