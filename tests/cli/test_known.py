"""``--known`` and ``raidstorm known``: failures that are neither red nor green, and the files that know them."""

import json
import stat

import pytest

from chaos.campaigns.known import KnownError, KnownFailure, add_known, read_known
from tests.inside import inside, run_inside
from tests.support import SEED_DEFECT

TITLE, LINK = "no module context", "https://example.org/3343"
RED = ("connect-during-rebuild", "--seed", "1", "--seeds", "12", "--defect", SEED_DEFECT)
SUITE = f"""
name = "tiny"
[[facets]]
name = "red"
experiment = "connect-during-rebuild"
first_seed = 1
seeds = 12
defects = ["{SEED_DEFECT}"]
"""


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "known.toml"
    path.write_text(f'[[known]]\nsignature = "crash/*"\ntitle = "{TITLE}"\nlink = "{LINK}"\n')
    return str(path)


def test_campaign_with_known_failures_passes_and_says_so(tmp_path, known):
    out = str(tmp_path / "runs")
    done = inside("run", *RED, "-x", "--known", known, "--out", out)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("PASS  connect-during-rebuild  sim  12 runs ")
    number = int(line.partition(" known failures (1 kind); ")[0].split()[-1])
    assert 1 < number < 12
    assert "not caught" not in line
    (shown,) = [
        line
        for line in inside("run", *RED, "--known", known, "--out", out, "-v").stdout.splitlines()
        if line.startswith("  known")
    ]
    before, place = shown.rsplit(maxsplit=1)
    assert before.split() == ["known", str(number), *TITLE.split(), LINK]
    assert inside("check", place).returncode == 5
    report = run_inside(*RED, "--known", known, out=tmp_path / "json")
    assert (report["exit_code"], report["known"]) == (0, {TITLE: number})
    assert report["failures"] == []


def test_failure_that_no_entry_knows_is_red_beside_those_that_one_knows(tmp_path, known):
    out = str(tmp_path / "runs")
    assert inside("run", *RED, "--out", out).returncode == 5
    other = tmp_path / "other.toml"
    other.write_text('[[known]]\nsignature = "crash"\ntitle = "a part of it"\n')
    assert inside("run", *RED, "--known", str(other), "--out", out).returncode == 5
    done = inside("run", *RED, "--known", str(other), "--known", known, "--out", out)
    assert done.returncode == 0


@pytest.mark.parametrize(
    "command", [("run", "baseline"), ("suite", "smoke"), ("soak", "smoke", "--for", "1s")]
)
def test_mistake_in_a_file_of_known_failures_ends_a_command_before_its_first_run(tmp_path, command):
    path = tmp_path / "known.toml"
    path.write_text('[[known]]\nsignature = "a"\n')
    out = tmp_path / "runs"
    done = inside(*command, "--known", str(path), "--out", str(out))
    assert done.returncode == 2
    assert done.stderr.strip() == f"{path}:1: known[0]: the field 'title' is missing"
    assert not out.exists()


def test_suite_with_known_failures_passes_and_its_summary_has_them(tmp_path, known):
    path, out = tmp_path / "tiny.toml", tmp_path / "out"
    path.write_text(SUITE)
    assert inside("suite", str(path), "--out", str(out)).returncode == 5
    done = inside("suite", str(path), "--known", known, "--out", str(out), "--rerun", str(out))
    assert done.returncode == 0, done.stdout
    assert " known failures (1 kind); " in done.stdout
    (facet,) = json.loads((out / "summary.json").read_text())["facets"]
    assert facet["state"] == "passed"
    assert list(facet["known"]) == [TITLE]
    assert facet["failures"] == []


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    """Return the directory of a failing run."""
    out = tmp_path_factory.mktemp("red")
    assert inside("run", *RED, "-x", "--out", str(out)).returncode == 5
    return str((out / "latest-failure").resolve())


def test_entry_of_a_run_is_appended_and_then_known(tmp_path, red):
    path = tmp_path / "mine.toml"
    before = '# a comment\n[[known]]\nsignature = "x"  # another\ntitle = "X"'
    path.write_text(before)
    path.chmod(0o600)
    add = ("known", "add", red, "--title", TITLE, "--file", str(path))
    done = inside(*add, "--link", LINK)
    assert done.returncode == 0, done.stderr
    assert f"is known now as '{TITLE}'; use it with --known {path}" in done.stdout
    text = path.read_text()
    assert text.startswith(f"{before}\n\n[[known]]\nsignature = ")
    _, entry = read_known([str(path)])
    assert (entry.title, entry.link) == (TITLE, LINK)
    assert inside("run", *RED, "--known", str(path), "--out", str(tmp_path)).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".mine")] == []
    again = inside(*add)
    assert again.returncode == 2
    assert again.stderr == f"{path}: known[1], {TITLE!r}, matches {entry.signature!r} already"
    assert path.read_text() == text
    shown = inside("known", "list", str(path)).stdout.splitlines()
    assert shown[0] == f"{path}: 2 known failures"
    assert [line.strip() for line in shown[3:]] == [TITLE, entry.signature, LINK]
    assert f"right  {path}: 2 known failures" in inside("validate", str(path)).stdout


def test_file_is_made_where_the_command_runs(tmp_path, red):
    assert inside("known", "add", red, "--title", "x", cwd=tmp_path).returncode == 0
    assert inside("known", "list", "known.toml", cwd=tmp_path).returncode == 0
    assert (tmp_path / "known.toml").read_text().startswith("[[known]]\n")


@pytest.mark.parametrize(
    ("arguments", "text", "sentence"),
    [
        (("add", "baseline:1", "--title", "x"), "", "baseline:1 has not been run; give the"),
        (("add", "nowhere", "--title", "x"), "", "nowhere is neither a run directory"),
        (("add", "RED", "--title", " "), "", "this can't be an entry: its title is empty"),
        (("add", "RED", "--title", "a\nb"), "", "its title has several lines; write one"),
        (("add", "RED", "--title", "x"), "known = []\n", "this is not TOML: "),
        (("add", "RED", "--title", "x"), "[[known]]\n", "known[0]: the field 'signature' is"),
        (("add", "RED"), "", "Missing option '--title'"),
        (("list", "known.toml"), "x = 3\n", "unknown field 'x'"),
        (("list", "nowhere.toml"), "", "nowhere.toml can't be read: No such file or directory"),
    ],
)
def test_mistake_is_one_sentence_and_changes_no_file(tmp_path, red, arguments, text, sentence):
    path = tmp_path / "known.toml"
    path.write_text(text)
    words = [red if word == "RED" else word for word in arguments]
    done = inside("known", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_run_that_did_not_fail_has_no_signature(tmp_path, red):
    capsule = json.loads((tmp_path / red / "capsule.json").read_text())
    capsule["expected"] = None
    path = tmp_path / "head.json"
    path.write_text(json.dumps(capsule))
    done = inside("known", "add", str(path), "--title", "x", cwd=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [path])
    assert done.stderr == f"{path} is not a run that failed, so it has no signature"


def test_every_text_comes_back_as_it_was(tmp_path):
    path = str(tmp_path / "known.toml")
    texts = ['"', "\\", "\x7f", "\t\x00", "é✓", "'''", "a\nb", "# [x]"]
    entries = [
        KnownFailure(signature=f"{number}/{text}", title=f"x{text.strip()[:1]}", link=text)
        for number, text in enumerate(texts)
    ]
    for one in entries:
        add_known(path, one, None)
    assert read_known([path]) == tuple(entries)
    with pytest.raises(KnownError, match="is not Unicode"):
        add_known(path, KnownFailure(signature="s", title="\udc80"), None)
    assert read_known([path]) == tuple(entries)


def test_entry_for_other_versions_is_to_be_changed(tmp_path):
    path = tmp_path / "known.toml"
    path.write_text('[[known]]\nsignature = "a*"\ntitle = "A"\nlast = "24.09"\n')
    with pytest.raises(KnownError, match="already, for other versions; change its first or last"):
        add_known(str(path), KnownFailure(signature="ab", title="B"), "v26.05")
    assert "up to version 24.09" in inside("known", "list", str(path)).stdout


def test_link_to_a_file_stays_one_and_a_file_that_cannot_be_written_is_one_sentence(tmp_path):
    entry = KnownFailure(signature="a", title="A")
    (tmp_path / "there").mkdir()
    (tmp_path / "link.toml").symlink_to("there/known.toml")
    add_known(str(tmp_path / "link.toml"), entry, None)
    assert (tmp_path / "link.toml").is_symlink()
    assert read_known([str(tmp_path / "there" / "known.toml")]) == (entry,)
    with pytest.raises(KnownError, match=r"absent/known.toml can't be written: No such file"):
        add_known(str(tmp_path / "absent" / "known.toml"), entry, None)
