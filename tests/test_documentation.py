"""What the documentation says of commands and files is so: its pages are run."""

from pathlib import Path

import pytest

from tests.documentation import Page, compare
from tests.inside import inside

REFUSES = """
from workers.raid import array
class Refuses(array.RaidChannel):
    def create(self):
        raise AssertionError("no channel today")
"""


def test_tutorial_can_be_followed(tmp_path):
    page = Page("tutorial.md", tmp_path)
    page.play()
    assert len(page.commands) >= 12
    assert {path.name for path in tmp_path.iterdir()} >= {"mirror.py", "first_only.py", "clone"}


def test_failure_can_be_read_and_kept_as_its_page_says(tmp_path):
    page = Page("reading-a-failure.md", tmp_path)
    page.play()
    for command in ("run", "replay", "repro", "shrink", "adopt", "regress"):
        assert any(f"raidstorm {command}" in one for one in page.commands), command
    # What lies in the directory by now is what the page lists.
    (folder,) = (tmp_path / "runs" / "connect-during-rebuild").iterdir()
    assert (folder / "minimal.html").exists()
    assert unnamed(page, folder) == []
    assert unnamed(page, tmp_path / "runs") == ["connect-during-rebuild"]


def test_files_of_a_free_run_are_on_the_page_too(tmp_path):
    (tmp_path / "refuses.py").write_text(REFUSES)
    options = ("--driver", "realtime", "--seed", "1", "--defect", str(tmp_path / "refuses.py"))
    done = inside("run", "baseline", *options, "--out", str(tmp_path / "runs"))
    assert done.returncode == 5
    (folder,) = (tmp_path / "runs" / "baseline").iterdir()
    page = Page("reading-a-failure.md", tmp_path)
    assert unnamed(page, folder) == []
    files = unnamed(page, folder / "workers")
    assert all(name.startswith("reactor-") for name in files)
    assert "`reactor-0.jsonl`" in page.text
    assert (folder / "workers" / "history.jsonl").exists()


def test_suites_are_as_their_page_says(tmp_path):
    page = Page("suites.md", tmp_path)
    page.play()
    assert sum("raidstorm suite" in one for one in page.commands) >= 4


def unnamed(page: Page, folder: Path) -> list[str]:
    """What lies there and isn't on the page."""
    names = sorted(
        path.name + "/" * (path.is_dir() and not path.is_symlink()) for path in folder.iterdir()
    )
    return [
        name.strip("/")
        for name in names
        if f"`{name}`" not in page.text and f"`runs/{name}`" not in page.text
    ]


def test_output_that_no_longer_comes_is_noticed():
    compare("command", ["one ... three", "five"], "one two three\nfour\nfive\n")
    for shown in (["one two"], ["five", "four"], ["six"]):
        with pytest.raises(AssertionError, match="doesn't say"):
            compare("command", shown, "one two three\nfour\nfive\n")
