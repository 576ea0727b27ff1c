"""``raidstorm conform`` and ``raidstorm walk``: their output and exit codes."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.chaos.conforming.recordings import RECORDING, SCENARIOS, SUPERBLOCKS, scenario
from tests.inside import inside


def written(path, *scenarios):
    path.write_bytes(
        msgspec.json.encode(msgspec.structs.replace(RECORDING, scenarios=list(scenarios)))
    )
    return str(path)


def test_recordings_are_equal_or_differ_as_declared():
    done = inside("conform", str(SCENARIOS), str(SUPERBLOCKS))
    assert done.returncode == 0, done.stdout
    assert (
        "PASS  87 of 108 scenarios equal, 21 differ as declared (in 16 of them SPDK is wrong)"
        in done.stdout
    )
    assert "PASS  24 of 30 superblocks equal, 6 differ as declared" in done.stdout
    assert (
        "as_stale_alone, step 4 (plug 0), differs as declared (stale-member-first)" in done.stdout
    )
    assert "state.num_base_bdevs_discovered: SPDK 1, engine 2" in done.stdout
    assert "SPDK: code crash" in done.stdout


def test_quiet_prints_the_verdicts_alone():
    lines = inside("conform", str(SUPERBLOCKS), "-q").stdout.splitlines()
    assert lines == ["PASS  24 of 30 superblocks equal, 6 differ as declared"]


def test_verbose_has_each_superblock():
    text = inside("conform", str(SUPERBLOCKS), "-v").stdout
    assert "version minor 9: accepted; version 1.9 is newer than 1.0" in text
    assert "flags 5: accepted; nothing odd" in text


def test_undeclared_difference_fails_with_both_answers(tmp_path):
    steps = [msgspec.structs.replace(scenario("create2").steps[0], code=-17)]
    wrong = msgspec.structs.replace(scenario("create2"), steps=steps)
    done = inside("conform", written(tmp_path / "wrong.json", wrong))
    assert done.returncode == 1
    assert "create2, step 1 (create 0 1), differs" in done.stdout
    assert "code: SPDK -17, engine 0" in done.stdout
    assert (
        "FAIL  0 of 1 scenario equal, 0 differ as declared (in 0 of them SPDK is wrong), 1 differ otherwise"
        in done.stdout
    )


def test_declared_difference_that_is_gone_fails(tmp_path):
    file = written(tmp_path / "stale.json", scenario("as_stale_alone"))
    assert inside("conform", file).returncode == 0
    done = inside("conform", file, "--defect", "stale-member-left-out")
    assert done.returncode == 1
    assert "as_stale_alone is declared to differ (stale-member-first), and doesn't" in done.stdout


def test_json_has_both_answers(tmp_path):
    file = written(tmp_path / "stale.json", scenario("create2"), scenario("as_stale_alone"))
    (result,) = json.loads(inside("conform", file, "--format", "json").stdout)
    assert (result["scenarios"], result["equal"], result["declared"]) == (2, 1, 1)
    (parting,) = result["results"][1]["partings"]
    assert parting["topic"] == "stale-member-first"
    assert parting["differences"][0] == {
        "place": "state.num_base_bdevs_discovered",
        "spdk": 1,
        "ours": 2,
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("conform",), "Missing argument 'FILE...'"),
        (("conform", "nothing.json"), "nothing.json can't be read: No such file or directory"),
        (("conform", "README.md"), "README.md is no file of scenarios"),
        (("conform", str(SCENARIOS), "--defect", "nothing"), "nothing"),
        (("walk",), "Missing option '--spdk'"),
        (("walk", "--spdk", "nowhere"), "nowhere"),
    ],
)
def test_mistakes_are_named(arguments, sentence):
    done = inside(*arguments)
    assert done.returncode == 2
    assert sentence in done.stdout + done.stderr
