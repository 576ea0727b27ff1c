"""A judged run in words: the same story wherever it is shown, with the data of disks where the run can be taken again."""

import re
from functools import cache

import msgspec
import pytest

from chaos.checkers import Finding, Verdict
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.narrating.account import SENTENCES_MAX
from chaos.narrating.clauses import Sentence
from chaos.narrating.described import Engine, describe_run, sentence_lines
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
from workers.protocol import DefectSource

# A whole run of each defect, and what its story must have, in order: the cause.
STORIES = {
    ("bad-blocks", 12, "read-correction-overwrites-new-write"): (
        "(op 168)",
        "it fails on disk0",
        "it is read from disk1 instead, which holds the data of op 166",
        "it reaches disk0",
        "corrects the read error",
        "over the data of op 172 and op 177, which is newer",
        "it gets the data of op 175, op 172 and op 166 from disk0",
    ),
    ("swarm", 11, "write-failure-keeps-stale-member"): (
        "are made to fail",
        "it reaches disk",
        "it fails on disk",
        "it fails with status INTERNAL_DEVICE_ERROR",
    ),
    ("swarm", 103, "both-removed-superblock-skipped"): (
        "is written to no disk, as all its members are being removed",
        "is out of the array",
        "still lists it as CONFIGURED",
        "it is acknowledged",
    ),
    ("swarm", 19, "offline-array-resurrected"): (
        "the array goes offline",
        "the operator adds disk",
        "a rebuild begins without a member to copy from",
    ),
    ("swarm", 108, "array-becomes-its-own-member"): (
        "the operator adds the array to the array",
        "was answered with OK, which promises that a rebuild of the disk begins",
    ),
}


@cache
def red(experiment, seed, defect):
    source = (DefectSource(defect),)
    plan = resolve(EXPERIMENTS[experiment], seed)
    execution = Controller(plan, SimDriver(), source).explore(seed)
    return execution, judge(execution), source


@pytest.mark.parametrize("case", list(STORIES), ids=lambda case: case[2])
def test_story_of_a_whole_run_names_the_cause(case):
    execution, findings, source = red(*case)
    lines = describe_run(execution, findings, case[1], engine=Engine(source)).story
    text = "\n".join(lines).replace(" Op ", " op ")
    at = 0
    for part in STORIES[case]:
        # A sentence may begin with the name of the request instead of "it".
        pattern = re.sub(r"^it ", r"(?:it|[Oo]p \\d+) ", re.escape(part).replace(r"\ ", " "))
        found = re.compile(pattern, re.I).search(text, at)
        assert found, f"{part!r} is not in the story, or not in its place, in:\n{text}"
        at = found.end()
    assert len([line for line in lines if line.startswith("step")]) <= SENTENCES_MAX + 5


def test_run_that_can_t_be_taken_again_has_the_same_steps_without_the_data():
    case = ("bad-blocks", 12, "read-correction-overwrites-new-write")
    execution, findings, source = red(*case)
    with_data = describe_run(execution, findings, 12, engine=Engine(source)).story
    afar = describe_run(execution, findings, 12).story
    assert any("which is newer" in line for line in with_data)
    assert not any("which is newer" in line for line in afar)
    assert afar[0] == with_data[0]
    assert afar[-1] == with_data[-1]
    # Another engine doesn't take the same run: its data would be wrong.
    assert describe_run(execution, findings, 12, engine=Engine()).story == afar


def test_run_without_a_finding_has_no_story():
    execution, _, source = red("bad-blocks", 12, "read-correction-overwrites-new-write")
    described = describe_run(execution, [], 12, engine=Engine(source))
    assert (described.verdict, described.story, described.told) == (Verdict.VALID, [], None)


def test_finding_and_what_waits_end_the_lines_but_a_crash_has_said_it():
    sentences = [Sentence(1, 4, "It is set up."), Sentence(6, 6, "Host 0 reads.")]
    finding = Finding(
        check="liveness",
        kind="stuck",
        shape="read",
        summary="it waits on thread 1",
        step=9,
        verdict=Verdict.LIVENESS,
        waits=("read", "  waits in lock"),
    )
    assert sentence_lines(sentences, finding) == [
        "steps 1-4: It is set up.",
        "step 6: Host 0 reads.",
        "step 9: it waits on nvmf_tgt_poll_group_0",
        "  read",
        "    waits in lock",
    ]
    crash = msgspec.structs.replace(finding, check="crash", waits=())
    assert len(sentence_lines(sentences, crash)) == 2
