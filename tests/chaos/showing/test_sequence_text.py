"""A sequence in words, with everything that the seed has drawn."""

import msgspec

from chaos.experiment import Act, Experiment
from chaos.plan.plan import resolve
from chaos.plan.sequence import PlannedAct
from chaos.showing.sequence_text import sequence_rows
from tests.inside import inside

PLAN = resolve(Experiment(name="any", sequence=(Act(kind="disk_pull"),)), 1)


def words_of(*acts):
    plan = msgspec.structs.replace(PLAN, sequence=acts)
    rows = list(sequence_rows(plan))
    assert [number for number, _ in rows] == [*map(str, range(1, len(acts) + 1)), ""]
    return [words for _, words in rows[:-1]]


def test_each_condition_and_each_return_has_its_words():
    pull = PlannedAct("disk_pull", 1, wait=83, heal="disk_return_stale", lasting=150)
    kill = PlannedAct("target_kill", moment=253, rebuild=2, moment_max=600)
    same = PlannedAct("disk_pull", "same", 0, after="target_kill", stage=1, until="rebuild.started")
    other = PlannedAct("disk_hang", "other", 0, after="disk_return", occurrence=2, lasting=5)
    spare = PlannedAct(
        "disk_pull", "spare", moment=500, heal="disk_return_small", until="target_kill"
    )
    wait = PlannedAct("wait", stage=3)
    assert words_of(pull, kill, same, other, spare, wait, PlannedAct("rebuild_stop")) == [
        "disk_pull of disk1 when it is a member, 8.3 % of the run after it first could; it returns with older content after 15.0 % of the run",
        "target_kill, from 25.3 % to 60.0 % of the second rebuild or a later one's progress",
        "disk_pull of the disk of item 1 when it is a member, 1 step after the first target_kill from then on; it returns only after the chaos",
        "disk_hang of another member than the disk of item 1, right after the second disk_return from then on; "
        "healed after 0.5 % of the run",
        "disk_pull of a disk that is no member, not before 50.0 % of the run; a smaller disk takes its place "
        "after the next target_kill",
        "wait, 3 steps later",
        "rebuild_stop, as soon as it can",
    ]


def test_plan_command_shows_it(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nsequence = [{kind = "disk_pull", disk = 1, returns = "stale"}]\n'
    )
    done = inside("plan", "mine.toml", "--seed", "7", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (act,) = resolve(
        Experiment(name="mine", sequence=(Act(kind="disk_pull", disk=1, returns="stale"),)), 7
    ).sequence
    assert "sequence (1)\n  1  disk_pull of disk1 when it is a member, " in done.stdout
    assert f"; it returns with older content after {act.lasting / 10} % of the run" in done.stdout
    assert (
        "the chaos goes on until all have come, at most 6 times as long as planned" in done.stdout
    )
    assert "sequence" not in inside("plan", "baseline").stdout
