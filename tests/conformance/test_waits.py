"""Wait-for chains: the waits of a run that doesn't end, in every driver, and in words."""

import re

import pytest

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.wait_chains import CHAINS_MAX, Graph, chains
from chaos.drivers import realtime
from chaos.drivers.free_replay import rebuild
from chaos.drivers.lockstep import LockstepDriver
from chaos.drivers.processes import Limits, Processes
from chaos.drivers.realtime import RealtimeDriver
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.narrating.described import describe_run
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.run.execution import Execution
from chaos.showing.labels import make_labels
from chaos.showing.trace import trace_lines
from chaos.showing.wording.places import named
from chaos.showing.wording.words import exact_words
from experiments.catalog import EXPERIMENTS
from tests.canaries.test_checks_bite import NEVER_UNQUIESCES_AFTER_A_REMOVAL
from tests.conformance.test_drivers import FORGETS_TO_UNLOCK
from workers.protocol import DefectSource
from workers.step_log import LOG_BYTES
from workers.waits import IS, NEVER_GIVEN_BACK, WHICH

SEEDS = 12
FREE_RUNS_MIN, FREE_RUNS_MAX = 5, 15
CHAIN_PARTS = ("for quiesce 1 of raid0 (all blocks)", NEVER_GIVEN_BACK)
CHILDREN_PASS_THE_GATES = """
from workers.bdev import bdev

class Bdev(bdev.Bdev):
    def __init__(self, reactor, bdev_id, name, *args):
        super().__init__(reactor, bdev_id, name, *args)
        if name == "raid0":
            self.io_blocks_max = 2

class BdevChannel(bdev.BdevChannel):
    async def _split(self, io, largest):
        for first in range(io.offset, io.end, largest):
            await self.submit(io.part(first, min(first + largest, io.end)))
        return bdev.SUCCESS
"""
NEVER_RESUMES_HUNG_IO = """
from workers.bdev.layer import BdevLayer

class Defective(BdevLayer):
    async def resume(self, thread, disk):
        return 0
"""
FORGETS_TO_RESUME = """
from workers.nvmf.namespaces import Namespaces

class Defective(Namespaces):
    async def _end_change(self, thread):
        self.record.paused = 0
        self._changing = False
        if self._queue:
            self._queue.pop(0).resolve()
"""


def explored(name: str, seed: int, source: str, driver=None) -> Execution:
    plan = resolve(EXPERIMENTS[name], seed)
    defects = (DefectSource("forgetful", source),) if source else ()
    return Controller(plan, driver or SimDriver(), defects).explore(seed)


def stuck(execution: Execution) -> Finding | None:
    """Return the findings of the liveness check."""
    return next((finding for finding in judge(execution) if finding.check == "liveness"), None)


def found(name: str, source: str, seeds: int = SEEDS) -> list[Finding]:
    """Return the findings of the liveness check over some seeds, at least one."""
    findings = [stuck(explored(name, seed, source)) for seed in range(seeds)]
    hangs = [finding for finding in findings if finding is not None]
    assert hangs, "no run was stuck"
    return hangs


@pytest.fixture(scope="module")
def processes():
    processes = Processes(Limits(4, 6, 160), log_bytes=LOG_BYTES)
    yield processes
    processes.close()


def test_forgotten_unlock_names_the_lock_and_who_took_it():
    """Show the whole chain of a run in which one host's request and others wait."""
    hangs = found("disk-failure", NEVER_UNQUIESCES_AFTER_A_REMOVAL)
    waits = next(finding.waits for finding in hangs if finding.summary.count(" of host ") > 2)
    who, how, taker, *others = waits
    assert re.fullmatch(r"(read|write) of host \d+ \(op \d+, blocks \d+-\d+\)", who)
    assert how == (
        "  waits in execute > _execute_on_namespace > submit > _is_let_in for quiesce 1 of raid0 "
        "(all blocks)"
    )
    assert re.match(r"  taken, and never released, by (bdev_raid_remove|membership)", taker)
    assert others
    same = [line for line in others if line.endswith("quiesce 1 of raid0 (all blocks), as above")]
    assert any(" of host " in line for line in same)


def test_forgotten_unlock_is_reported_for_every_taker():
    hangs = found("disk-failure", NEVER_UNQUIESCES_AFTER_A_REMOVAL)
    assert {finding.verdict for finding in hangs} == {Verdict.LIVENESS}
    takers = [line for finding in hangs for line in finding.waits if NEVER_GIVEN_BACK in line]
    assert len(takers) >= len(hangs)
    assert any("by membership.base_bdev_removed(" in line for line in takers)
    assert any("by bdev_raid_remove_base_bdev (op " in line for line in takers)


def test_lock_and_part_of_a_request_that_wait_for_each_other_are_a_cycle():
    hangs = found("disk-failure", CHILDREN_PASS_THE_GATES, 40)
    finding = next(finding for finding in hangs if "> _split >" in finding.waits[1])
    first, *others = finding.waits
    end = next(number for number, line in enumerate(others) if "cycle" in line)
    assert " of host " in first
    assert "> _split > submit > _is_let_in for quiesce " in others[0]
    assert re.match(
        r"  held by ((rebuild|membership)\.\w+\(.*\) on \w+|remove_slot\(\d+\) on reactor \d+)$",
        others[1],
    )
    assert "for the visit lock_range(" in others[2]
    assert others[3].startswith(f"  waits in lock_range > _watch for {first}")
    assert others[3].endswith(", the first of them: a cycle")
    assert end == 3


@pytest.mark.slow
def test_hanging_disk_is_the_end_of_the_chain():
    hangs = found("swarm", NEVER_RESUMES_HUNG_IO, 11)
    lines = [line for finding in hangs for line in finding.waits]
    ends = [number for number, line in enumerate(lines) if "the end of the fault that" in line]
    assert any("on disk" in lines[number] for number in ends)
    assert any("nothing in the target is known to bring it" in lines[number + 1] for number in ends)


def test_pause_without_a_resume_has_nothing_to_end_it():
    for finding in found("namespace-churn", FORGETS_TO_RESUME, 5):
        assert "while_paused for the change of the namespaces" in finding.waits[1]
        assert finding.waits[2] == "  nothing in the target is known to bring it"


@pytest.mark.processes
def test_chain_is_the_same_in_lockstep(processes):
    driver = LockstepDriver(processes)
    for seed in range(4):
        expected = explored("connect-during-rebuild", seed, FORGETS_TO_UNLOCK)
        execution = explored("connect-during-rebuild", seed, FORGETS_TO_UNLOCK, driver)
        assert execution.waits == expected.waits
        assert stuck(execution) == stuck(expected) is not None


@pytest.mark.processes
def test_chain_is_told_in_realtime(processes, monkeypatch):
    """Show the chain in realtime, with more time after a run that ended before the lock was forgotten."""
    driver = RealtimeDriver(processes)
    defects = (DefectSource("forgetful", FORGETS_TO_UNLOCK),)
    lines = []
    for seed in range(FREE_RUNS_MAX):
        monkeypatch.setattr(realtime, "SETTLE_SECONDS_MAX", 0.5 * (seed + 1))
        plan = resolve(EXPERIMENTS["connect-during-rebuild"], seed)
        execution, recording = driver.run(plan, seed, defects, None)
        finding = stuck(execution)
        if finding is not None:
            again = stuck(rebuild(recording, plan, defects).execution)
            assert again.signature == finding.signature
            assert again.ops == finding.ops
            lines += finding.waits
        missing = [part for part in CHAIN_PARTS if not any(part in line for line in lines)]
        if not missing and seed + 1 >= FREE_RUNS_MIN:
            break
    assert missing == []


def test_story_and_trace_have_the_chain_under_the_finding():
    execution = explored("disk-failure", 0, NEVER_UNQUIESCES_AFTER_A_REMOVAL)
    finding = stuck(execution)
    story = describe_run(execution, [finding], 0).story
    chain = [f"  {line}" for line in finding.waits]
    assert story[-len(chain) :] == chain
    assert story[-len(chain) - 1] == f"step {finding.step}: {named(finding.summary)}"
    words = exact_words(execution, make_labels(execution.plan, 0))
    traced = "\n".join(trace_lines(execution, words, [finding]))
    assert all(line in traced for line in chain)


class AskedAllTheTime(SimDriver):
    """Returns the waits again and again during a run."""

    EVERY = 11

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.seen: list[list] = []

    def perform(self, step):
        outcome = super().perform(step)
        self.steps += 1
        if self.steps % self.EVERY == 0 and outcome.crash is None:
            self.seen.append(self.waits())
        return outcome


# No flow brings these, but a fault's heal, a message without an answer, or the last channel's end does.
SOURCES = (
    " the end of the fault that ",
    " the end of io_device ",
    " the grant of lock ",
    " to close ",
)
MESSAGES = (" the connections of ", " the end of the rebuild")


def test_everything_that_is_waited_for_is_known_by_the_same_name_elsewhere():
    """Compare the names of awaited things: the waiter and the other side must use the same, or a chain breaks off."""
    ends: dict[str, int] = {}
    edges = 0
    for name in ("swarm", "reset-storm", "namespace-churn", "rebuild-under-load"):
        for seed in range(6):
            driver = AskedAllTheTime()
            execution = explored(name, seed, "", driver)
            assert execution.settled
            for rows in driver.seen:
                graph = Graph(rows)
                waits = [row for row in rows if row[1] not in (IS, WHICH, NEVER_GIVEN_BACK)]
                edges += len(waits)
                for _, _, what in waits:
                    for thing in graph.same(what):
                        if not graph.edges(thing) and not any(
                            known in f" {thing} " for known in (*SOURCES, *MESSAGES)
                        ):
                            ends[thing] = ends.get(thing, 0) + 1
    assert edges > 5_000
    assert ends == {}


def test_asking_changes_nothing_and_a_run_that_has_ended_waits_for_nothing():
    for seed in range(10):
        driver = AskedAllTheTime()
        asked = explored("swarm", seed, "", driver)
        plain = explored("swarm", seed, "")
        assert asked.fingerprint == plain.fingerprint
        assert plain.settled
        assert plain.waits == []
        assert driver.waits() == []


# The lines, from rows made by hand.


def test_names_and_side_ways_are_told():
    rows = [
        ("op 1", "waits for", "the answer"),
        ("op 1", "waits for", "another thing"),
        ("the answer", IS, "a task"),
        ("a task", "waits for", "a disk"),
        ("a disk", WHICH, "is in flight"),
    ]
    assert chains(rows, ["op 1", "op 2"], {"op 1": "a read"}) == (
        "a read",
        "  waits for a task (and 1 more)",
        "  waits for a disk",
        "  which is in flight",
        "op 2",
        "  nothing in the target is known to work on it",
    )


def test_way_into_a_cycle_is_preferred():
    rows = [
        ("a", "waits for", "z"),
        ("a", "waits for", "b"),
        ("b", "held by", "c"),
        ("c", "waits for", "b"),
    ]
    assert chains(rows, ["a"], {}) == (
        "a",
        "  waits for b (and 1 more)",
        "  held by c",
        "  waits for b: a cycle",
    )


def test_chains_are_bounded():
    rows = [(f"op {number}", "waits for", f"thing {number}") for number in range(CHAINS_MAX + 3)]
    lines = chains(rows, [f"op {number}" for number in range(CHAINS_MAX + 3)], {})
    assert lines[-1] == "and 3 more"
    assert len(lines) == 3 * CHAINS_MAX + 1


def test_without_a_start_it_begins_where_nothing_waits():
    rows = [("a", "waits for", "b"), ("b", "waits for", "c"), ("d", NEVER_GIVEN_BACK, "e")]
    assert chains(rows, [], {}) == (
        "a",
        "  waits for b",
        "  waits for c",
        "  nothing in the target is known to bring it",
        "d",
        "  taken, and never released, by e",
    )
    assert chains([], [], {}) == ()
