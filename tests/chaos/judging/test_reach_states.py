"""Named states: what begins and ends them, the faults counted in them, and gates on them."""

import ast
import json
import subprocess

import pytest

from chaos.judging.reach.states import count_states
from chaos.plan.experiment import Experiment, ExperimentError, validate
from chaos.plan.reach_vocabulary import CROSSINGS, STATES
from chaos.steps.history import EngineEvent, Invoked
from chaos.steps.schedule import Inject, Kill, Stall
from tests.support import PROGRAM, ROOT
from workers.probes import PROBES
from workers.protocol import Event


def emitted(number, name, *args, thread=0):
    return EngineEvent(number, Event(name, thread, args))


def test_every_event_the_engine_tells_is_a_listed_probe_and_the_other_way_round():
    told_names = set()
    for path in (ROOT / "workers").rglob("*.py"):
        if "defects" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in PROBES and path.name != "probes.py":
                told_names.add(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "emit":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    assert first.value in PROBES, f"{path.name} tells {first.value}"
    assert told_names == set(PROBES)


def test_states_are_made_of_probes():
    for name, state in STATES.items():
        assert not [event for event in (*state.begins, *state.ends) if event not in PROBES], name


def test_faults_are_counted_in_the_states_they_come_in():
    history = [
        emitted(1, "rebuild.started", 0, 0),
        Invoked(2, Inject(1, "disk_pull", 1, ())),
        emitted(3, "rebuild.window_locked", 0, 4),
        Invoked(4, Stall(2, 0, 10)),
        Invoked(5, Inject(3, "disk_heal", 1, ())),
        emitted(6, "rebuild.window_done", 4, 8),
        Invoked(7, Kill(4, ())),
        Invoked(8, Inject(5, "disk_pull", 1, ())),
    ]
    assert count_states(history) == {
        "rebuild.running": 1,
        "rebuild.running x disk_pull": 1,
        "rebuild.running x reactor_stall": 1,
        "rebuild.running x target_kill": 1,
        "rebuild.starting": 1,
        "rebuild.starting x disk_pull": 1,
        "rebuild.window_locked": 1,
        "rebuild.window_locked x reactor_stall": 1,
    }


def test_channel_counts_as_created_in_a_rebuild_only_while_one_runs():
    channel = emitted(2, "nvmf.namespace_channel_created", 1, 0, 0, thread=1)
    assert count_states([channel]) == {}
    counts = count_states([emitted(1, "rebuild.started", 0, 0), channel])
    assert counts["channel.created_in_rebuild"] == 1


def test_gate_may_name_a_state_and_a_fault():
    reach = {"rebuild.window_locked": 2, "rebuild.window_locked x target_kill": 1}
    validate(Experiment(name="gated", reach=reach))
    assert "rebuild.window_locked x target_kill" in CROSSINGS
    with pytest.raises(ExperimentError, match="is not counted; did you mean"):
        validate(Experiment(name="gated", reach={"rebuild.window_locked x host_step": 1}))


def test_gate_that_stays_empty_ends_with_7_and_says_what_is_missing(tmp_path):
    file = tmp_path / "gated.py"
    file.write_text(
        "from chaos.experiment import Experiment\n"
        "GATED = Experiment(name='gated', steps=60, reach={'bdev.resetting x power_loss': 1})\n"
    )
    done = subprocess.run(
        [*PROGRAM, "run", str(file), "--seeds", "20", "--format", "json", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout)["missing"] == ["bdev.resetting x power_loss: 0 of 1"]
