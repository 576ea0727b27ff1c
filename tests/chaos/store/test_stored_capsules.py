"""Capsules from before ``chaos/`` had packages must keep working: that is the promise of a capsule.

Their steps apply as long as the engine takes the same ones. It no longer looks for growth when an array goes online, so the
delivery of that message was taken out of both.
"""

import json
from pathlib import Path

import msgspec
import pytest

from chaos.drivers.sim import SimDriver
from chaos.judging.reach.count import count_reach
from chaos.judging.user_checks import load_embedded_check
from chaos.run.controller import Controller
from chaos.store.capsule import read_capsule
from tests.inside import inside

STORED = sorted((Path(__file__).parent / "stored").glob("*.json"))
WITH_A_CHECK = Path(__file__).parent / "stored" / "slow_start.json"
OLD_IMPORTS = (
    "from chaos.checkers.finding import Finding, Verdict",
    "from chaos.experiment import Experiment",
    "from chaos.history import Happened",
    "from chaos.recorder import Execution",
    "from chaos.schedule import FinishIo",
)


def test_both_are_here():
    assert [path.stem for path in STORED] == ["connect_during_rebuild", "slow_start"]


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_stored_capsule_replays_to_its_verdict_and_fingerprint(path):
    expected = json.loads(path.read_bytes())["expected"]
    done = inside("replay", str(path), "--allow-code", "--format", "json")
    assert done.returncode == expected["verdict"], done.stderr
    report = json.loads(done.stdout)
    assert report["fingerprint"] == expected["fingerprint"]
    assert report["steps"] == expected["steps"]
    (finding,) = report["findings"]
    signature = "/".join(finding[part] for part in ("check", "kind", "shape"))
    assert signature == expected["signature"]


def test_embedded_check_imports_the_public_paths_by_their_old_names():
    (code,) = read_capsule(WITH_A_CHECK).checks
    for line in OLD_IMPORTS:
        assert line in code.source, line
    assert callable(load_embedded_check(code))


def test_gate_with_an_old_name_counts_what_has_a_new_one():
    text = json.loads(WITH_A_CHECK.read_bytes())
    assert text["experiment"]["reach"] == {"slow_ios_bitten": 1}
    capsule = read_capsule(WITH_A_CHECK)
    assert capsule.experiment.reach == {"slow_ios_effective": 1}
    assert capsule.schedule is not None
    execution = Controller(capsule.plan, SimDriver(), ()).replay(capsule.schedule)
    assert count_reach(execution.history, execution.plan.layout)["slow_ios_effective"] > 0
    # Written again, it has the new name, and is read as it was.
    again = msgspec.json.decode(msgspec.json.encode(capsule), type=type(capsule))
    assert again == capsule
