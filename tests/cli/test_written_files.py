"""Files that commands write: nothing is overwritten without --force, and a directory named by --out is made."""

import json

import pytest

from chaos.base import doctor
from chaos.base.seeds import SEED_MAX
from tests.inside import inside
from tests.red_run import run_directory
from workers import segments


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    return run_directory(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize(("form", "out"), [("capsule", "issue.json"), ("perfetto", None)])
def test_export_overwrites_a_file_only_with_force(red, tmp_path, form, out):
    options = ["export", str(red), "--to", form, *(["--out", out] if out else [])]
    assert inside(*options, cwd=tmp_path).returncode == 0
    (path,) = tmp_path.iterdir()
    assert path.name == (out or "connect-during-rebuild-4.perfetto.json")
    path.write_text("precious")
    refused = inside(*options, cwd=tmp_path)
    assert refused.returncode == 2
    assert f"{path.name} exists" in refused.stderr
    assert "--force" in refused.stderr
    assert path.read_text() == "precious"
    assert inside(*options, "--force", cwd=tmp_path).returncode == 0
    assert path.read_text() != "precious"


def test_shrink_makes_the_directory_that_out_names(red, tmp_path):
    folder = tmp_path / "new" / "small"
    done = inside("shrink", str(red), "--out", str(folder))
    assert done.returncode == 0, done.stderr
    assert {"minimal.json", "minimal.log", "minimal.html"} <= {
        path.name for path in folder.iterdir()
    }
    (tmp_path / "file").write_text("precious")
    refused = inside("shrink", str(red), "--out", str(tmp_path / "file"))
    assert refused.returncode == 2
    assert "can't be made" in refused.stderr


@pytest.mark.parametrize("seed", [-5, SEED_MAX + 1])
@pytest.mark.parametrize("command", ["replay", "shrink", "check", "validate"])
def test_capsule_with_a_seed_that_is_none_is_refused(red, tmp_path, command, seed):
    capsule = json.loads((red / "capsule.json").read_text())
    folder = tmp_path / "run"
    folder.mkdir()
    for path in red.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "capsule.json").write_text(json.dumps(capsule | {"seed": seed}))
    done = inside(command, str(folder))
    assert done.returncode == 2
    assert f"{seed} is not a seed; it was edited" in done.stderr + done.stdout


def test_replay_line_of_check_is_for_where_it_is_typed(red, tmp_path):
    # As when the directory was sent by mail: the stored line is for another place.
    folder = tmp_path / "sent here"
    red.rename(folder)
    try:
        done = inside("check", "sent here", cwd=tmp_path)
    finally:
        folder.rename(red)
    assert done.returncode == 5
    line = done.stdout.splitlines()[-1]
    assert line.startswith("  replay: ")
    assert line.endswith(" replay 'sent here'")


def test_score_keeps_runs_in_the_directory_of_out_and_takes_the_old_name_for_it(tmp_path):
    options = ["score", "--defects", "new-channel-null-module-ctx", "--ranges", "1", "--seeds", "9"]
    options += ["--experiment", "connect-during-rebuild", "--clean-seeds", "0", "--keep"]
    for name in ("--out", "--runs"):
        folder = tmp_path / name.strip("-")
        done = inside(*options, name, str(folder), "--save", str(tmp_path / "score.json"))
        assert done.returncode == 0, done.stderr
        assert (folder / "connect-during-rebuild").is_dir()
    assert json.loads((tmp_path / "score.json").read_text())["format"] == "raidstorm score"


def test_doctor_offers_to_clean_only_what_is_left(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "folders", lambda: (tmp_path,))
    monkeypatch.setattr("chaos.cli.doctor.machine_lines", lambda: [(False, "no shared memory")])
    done = inside("doctor")
    assert done.returncode == 1
    assert "BAD  no shared memory" in done.stdout
    assert "--clean" not in done.stdout
    gone = segments.Leftover(tmp_path / "raidstorm-1-x", 1, owner_is_alive=False)
    monkeypatch.setattr("chaos.cli.doctor.leftovers", lambda: [gone])
    assert "'raidstorm doctor --clean' removes what is left over" in inside("doctor").stdout
