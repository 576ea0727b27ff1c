"""Too little memory inside the engine is not the target's failure: the run has no verdict but UNKNOWN, on every driver."""

import json

import pytest

from tests.support import raidstorm, run_json

NAME = "too_large"
DEFECT = '''"""A write for which there is not enough memory."""

from workers.raid.raid1 import Raid1


class TooLarge(Raid1):
    async def write(self, channel, paths, io):
        raise MemoryError
'''


@pytest.fixture
def defect(tmp_path):
    path = tmp_path / f"{NAME}.py"
    path.write_text(DEFECT)
    return str(path)


@pytest.mark.parametrize("driver", ["sim", "lockstep", "realtime"])
def test_run_without_memory_could_not_be_decided_and_the_next_seed_runs(defect, tmp_path, driver):
    report = run_json(
        *("baseline", "--driver", driver, "--defect", defect, "--seeds", "2"), out=tmp_path / "out"
    )
    assert report["exit_code"] == 3, report["error"]
    assert (report["runs"], report["unknown"]) == (2, 2)
    assert [failure["signature"] for failure in report["failures"]] == 2 * ["memory/run/memory"]
    replay = report["failures"][0]["replay"]
    assert f"replay baseline:0{f' --driver {driver}' if driver != 'sim' else ''} --defect" in replay
    # Nothing is kept but the lines.
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.jsonl"]
    lines = (tmp_path / "out" / "index.jsonl").read_text().splitlines()
    assert [json.loads(line)["code"] for line in lines] == [3, 3]


def test_replay_without_memory_is_a_sentence(defect):
    done = raidstorm("replay", "baseline:0", "--defect", defect)
    assert (done.returncode, done.stderr) == (3, "raidstorm: out of memory\n")
