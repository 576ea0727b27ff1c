"""The results of ``make dist``: they are complete, and run in a bare environment, outside the repository."""

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT, SEED_DEFECT
from tests.test_tidy import tracked

pytestmark = pytest.mark.dist

PACKAGES = ("chaos", "workers", "experiments")
MODULES = ("raidstorm.py", "raidstorm_pytest.py")
MADE = {"PKG-INFO", "setup.cfg"}  # by setuptools, in an sdist
NOT_IN_SDIST = {".ci/run", ".gitignore"}
OWN = """
from chaos.checkers.finding import Finding
from chaos.plan.experiment import Experiment

def quiet(execution):
    return []

OWN = Experiment(name="own", hosts=2, checks=("own:quiet",))
"""
TESTS = f'''
def test_green(raidstorm):
    assert raidstorm.run("own.py", seeds=3).valid == 3

def test_red(raidstorm):
    raidstorm.run("connect-during-rebuild", seeds=20, defects=["{SEED_DEFECT}"])
'''


def run(*words: object, cwd: Path, code: int = 0, **environment: str) -> str:
    """Run a command to its end, without this environment."""
    known = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**known, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def the_one(pattern: str) -> Path:
    """Return the built file."""
    found = list((ROOT / "dist").glob(pattern))
    assert len(found) == 1, f"dist/ has {len(found)} of {pattern}; 'make dist' builds one"
    return found[0]


def repository() -> set[str]:
    return {str(path.relative_to(ROOT)) for path in tracked("*")}


def test_wheel_has_the_packages_whole_and_nothing_else():
    with zipfile.ZipFile(the_one("*.whl")) as archive:
        names = set(archive.namelist())
    mine = {name for name in names if ".dist-info/" not in name}
    assert mine == {
        name for name in repository() if name.partition("/")[0] in PACKAGES or name in MODULES
    }
    assert {"chaos/showing/timeline.html", "workers/defects/new_channel_null_module_ctx.py"} <= mine
    info = {name.partition(".dist-info/")[2] for name in names - mine}
    assert info == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "top_level.txt",
    }


def test_sdist_has_what_the_repository_has():
    with tarfile.open(the_one("*.tar.gz")) as archive:
        names = {
            member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()
        }
    mine = {name for name in names - MADE if not name.startswith("raidstorm.egg-info/")}
    assert mine == repository() - NOT_IN_SDIST


def test_same_wheel_comes_from_the_repository_s_files(tmp_path):
    """Compare the wheels: the one in dist/ was built from the sdist."""
    for name in repository():
        target = tmp_path / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    when = run("git", "log", "-1", "--format=%ct", cwd=ROOT).strip()
    command = (sys.executable, "-m", "build", "--quiet", "--wheel", "--outdir", tmp_path, ".")
    run(*command, cwd=tmp_path / "tree", SOURCE_DATE_EPOCH=when)
    built = the_one("*.whl")
    assert (tmp_path / built.name).read_bytes() == built.read_bytes()


def test_wheel_runs_in_a_bare_environment(tmp_path):
    home = tmp_path / "env"
    venv.create(home, with_pip=True)
    python, raidstorm = home / "bin" / "python", home / "bin" / "raidstorm"
    pip = (python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt")
    run(*pip, the_one("*.whl"), cwd=tmp_path)
    run(python, "-m", "pip", "check", cwd=tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    where = run(python, "-c", "import chaos, sys; print(chaos.__file__)", cwd=empty)
    assert where.startswith(str(home))
    # Nothing of pytest was installed.
    assert "pytest" not in run(python, "-m", "pip", "list", cwd=empty).lower()
    output = run(raidstorm, "run", "connect-during-rebuild", "--seeds", "5", cwd=empty)
    assert re.match(r"PASS  connect-during-rebuild  sim +5 runs ", output), output
    for driver in ("lockstep", "realtime"):
        options = ("--driver", driver, "--seeds", "1")
        output = run(raidstorm, "run", "baseline", *options, cwd=empty)
        assert re.match(rf"PASS  baseline  {driver} +1 run ", output), output
    options = ("--seeds", "20", "-x", "--defect", SEED_DEFECT)
    run(raidstorm, "run", "connect-during-rebuild", *options, cwd=empty, code=5)
    assert (empty / "runs" / "latest-failure" / "timeline.html").stat().st_size > 10_000
    output = run(raidstorm, "replay", "runs/latest-failure", cwd=empty, code=5)
    assert "the fingerprint is the recorded one" in output
    (empty / "own.py").write_text(OWN)
    output = run(raidstorm, "run", "own.py", "--seeds", "5", cwd=empty)
    assert re.match(r"PASS  own  sim +5 runs ", output), output

    run(*pip, "pytest", "pytest-xdist", cwd=tmp_path)
    (empty / "test_own.py").write_text(TESTS)
    pytest_ = (python, "-m", "pytest", "-q", "-n", "2", "test_own.py")
    output = run(*pytest_, cwd=empty, code=1)
    assert "1 failed, 1 passed" in output
    # Where CI is set, pytest's own summary prints the whole of a failure once more.
    (line,) = {line for line in output.splitlines() if line.startswith("replay: ")}
    words = line.removeprefix("replay: ").split()
    assert words[0] == str(raidstorm)
    again = run(*words, cwd=empty, code=5)
    assert "the fingerprint is the recorded one" in again
