"""The documentation as a site: built strictly and complete; its links lead to pages, and nothing is loaded from elsewhere."""

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest

from chaos.cli import program
from tests.support import ROOT

pytest.importorskip("mkdocs", reason="'make docs' installs what builds the site")

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
NOT_LOADED = {"canonical", "next", "prev"}  # links that say how pages belong together


class Html(HTMLParser):
    """The parts of a page: loaded files, links, their targets, and the text of its paragraphs."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.paragraphs: list[str] = []
        self._in_paragraph = False
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if values.get("id"):
            self.anchors.add(values["id"])
        if tag in LOADS and values.get(LOADS[tag]) and values.get("rel") not in NOT_LOADED:
            self.loads.append(values[LOADS[tag]])
        if tag == "a" and values.get("href"):
            self.leads.append(values["href"])
        if tag == "p":
            self._in_paragraph = True
            self.paragraphs.append("")

    def handle_endtag(self, tag):
        self._in_paragraph = self._in_paragraph and tag != "p"

    def handle_data(self, data):
        if self._in_paragraph:
            self.paragraphs[-1] += data


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return each page of the site, by its path in it."""
    site = tmp_path_factory.mktemp("site")
    done = build(ROOT, site)
    assert done.returncode == 0, done.stderr
    return {
        str(path.relative_to(site)): Html(path)
        for path in sorted(site.rglob("*.html"))
        if path.name != "404.html"  # it is shown at any address
    }, site


def test_all_pages_are_there_and_in_the_navigation(pages):
    pages, _ = pages
    sources = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    expected = {str(path.with_suffix(".html")) for path in sources}
    expected |= {f"commands/{name}.html" for name in program.commands}
    expected |= {"index.html", "changelog.html", "commands/index.html"}
    assert set(pages) == expected
    order = pages["index.html"].leads
    assert expected - {"index.html"} <= set(order)
    places = (
        "tutorial.html",
        "ci.html",
        "commands/run.html",
        "ARCHITECTURE.html",
        "changelog.html",
    )
    assert [link for link in dict.fromkeys(order) if link in places] == list(places)


def test_page_of_a_command_has_what_its_help_has(pages):
    pages, _ = pages
    for name, command in program.commands.items():
        text = pages[f"commands/{name}.html"].text
        for one in [command, *getattr(command, "commands", {}).values()]:
            # A hidden option is an old spelling, which help doesn't show either.
            for parameter in (each for each in one.params if not getattr(each, "hidden", False)):
                for option in parameter.opts if parameter.param_type_name == "option" else ():
                    assert f"<code>{option}" in text or f", {option}" in text, (name, option)
        assert name in pages["commands/index.html"].text
        assert "-h, --help" in text
        assert "\\" not in text.partition("<article")[2].partition("</article")[0]
    assert "raidstorm superblock show" in pages["commands/superblock.html"].text
    assert "--subset I/N" in pages["commands/suite.html"].text


def test_links_lead_to_pages_and_places_that_are_there(pages):
    pages, site = pages
    for name, page in pages.items():
        for link in page.leads:
            address, anchor = urldefrag(link)
            if urlparse(address).scheme:
                continue
            target = os.path.normpath(os.path.join(os.path.dirname(name), unquote(address) or ""))
            target = name if not address else target
            assert (site / target).is_file() or target == ".", f"{name}: {link}"
            if anchor and target in pages:
                assert unquote(anchor) in pages[target].anchors | {"__skip"}, f"{name}: {link}"


def test_nothing_is_loaded_from_elsewhere(pages):
    pages, site = pages
    for name, page in pages.items():
        for load in page.loads:
            assert not urlparse(load).netloc, f"{name} loads {load}"
            assert (site / os.path.dirname(name) / urlparse(load).path).exists(), f"{name}: {load}"
    for path in site.rglob("*.css"):
        assert "url(http" not in path.read_text(encoding="utf-8")


def test_markdown_is_understood_as_in_the_repository(pages):
    """Find lists and tables that some readers of Markdown take for a paragraph."""
    pages, _ = pages
    for name, page in pages.items():
        for paragraph in page.paragraphs:
            for line in paragraph.splitlines():
                assert not line.startswith(("* ", "| ", "```", "## ")), f"{name}: {line}"


def test_names_of_pages_are_links(pages):
    pages, _ = pages
    assert "tutorial.html" in pages["index.html"].leads
    assert "../commands/score.html" in pages["internals/score.html"].leads
    assert "internals/engine.html" in pages["ARCHITECTURE.html"].leads


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("See `docs/nowhere.md`.", "more.md names docs/nowhere.md, which is no page"),
        ("See [it](nowhere.md).", "'nowhere.md', but the target is not found"),
        ("See [it](tutorial.md#nowhere).", "does not contain an anchor '#nowhere'"),
        ("`make docs` takes any page: `docs/tutorial.md`, `README.md`, `more.md`.", ""),
    ],
)
def test_what_leads_nowhere_ends_the_build(tmp_path, text, warning):
    for name in ("README.md", "CHANGELOG.md", "mkdocs.yml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs" / "more.md").write_text(f"# More\n\n{text}\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == (1 if warning else 0), done.stderr
    assert warning in done.stderr
