"""Hooks of MkDocs: the pages of the site, pages of commands from their help, links where a page names another one.

Pages name each other by their path in the repository, `docs/tutorial.md`. On the site that is a link. A name without a page
is a warning, and with ``strict`` an error.
"""

from __future__ import annotations

import html
import logging
import posixpath
import re
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from chaos.cli import program

ROOT = Path(__file__).resolve().parent.parent
log = logging.getLogger("mkdocs.hooks.raidstorm")

# The order of pages and their short names. Absent pages are left out, and pages without a name here come last.
SECTIONS = {
    "": {"index.md": "Overview"},
    "Using it": {
        "tutorial.md": "Tutorial",
        "sequences.md": "Sequences",
        "reading-a-failure.md": "Reading a failure",
        "real-spdk.md": "Your SPDK tree",
        "own-target.md": "Your own target in C",
        "conformance.md": "Beside a real SPDK",
        "suites.md": "Suites",
        "soak.md": "Overnight",
        "cluster.md": "More than one machine",
        "ci.md": "Continuous integration",
    },
    "Commands": {"commands.md": "By example", "commands/index.md": "All commands"},
    "Internals": {
        "ARCHITECTURE.md": "Architecture",
        "internals/engine.md": "Engine",
        "internals/fidelity.md": "Fidelity to SPDK",
        "internals/experiments.md": "Experiments",
        "internals/drivers.md": "Drivers",
        "internals/determinism.md": "Determinism",
        "internals/search.md": "Search",
        "internals/checkers.md": "Checks",
        "internals/defects.md": "Defects",
        "internals/shrinking.md": "Shrinking",
        "internals/explaining.md": "Explaining",
        "internals/score.md": "Score",
        "internals/spdk-findings.md": "Findings in SPDK",
    },
    "Changes": {"changelog.md": "Changelog"},
}
FROM_ROOT = {"index.md": "README.md", "changelog.md": "CHANGELOG.md"}
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"(?<!\[)`((?:[\w-]+/)*[\w-]+\.md)`")
COMMAND = re.compile(r"`raidstorm ([a-z-]+)`")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add generated pages, and put all pages in their order."""
    for path, source in FROM_ROOT.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, path, content=text))
    commands = dict(sorted(program.commands.items()))
    for name, command in commands.items():
        files.append(File.generated(config, f"commands/{name}.md", content=page_of(name, command)))
    files.append(File.generated(config, "commands/index.md", content=index_of(commands)))
    config.nav = navigation([file.src_uri for file in files.documentation_pages()])
    return files


def navigation(pages: list[str]) -> list[dict[str, object]]:
    """Return all pages, each once: those with a place there, the others at the end of their section."""
    placed = {path for named in SECTIONS.values() for path in named}
    left = dict.fromkeys(path for path in sorted(pages) if path not in placed)
    nav: list[dict[str, object]] = []
    for section, named in SECTIONS.items():
        entries: list[object] = [{title: path} for path, title in named.items() if path in pages]
        for path in [path for path in left if section_of(path) == section]:
            entries.append({Path(path).stem: path} if section == "Commands" else path)
            del left[path]
        nav += [entry for entry in entries if isinstance(entry, dict)] if not section else []
        nav += [{section: entries}] if section and entries else []
    assert not left, f"these pages are in no section: {list(left)}"
    return nav


def section_of(path: str) -> str:
    """Return the section of a page without a place."""
    return {"commands": "Commands", "internals": "Internals"}.get(
        path.partition("/")[0], "Using it"
    )


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Turn names of pages and of commands into links, except in blocks of code."""
    here = page.file.src_uri
    known = {file.src_uri for file in files.documentation_pages()}
    parts = FENCE.split(markdown)
    parts[::2] = [linked(part, here, known) for part in parts[::2]]
    return "".join(parts)


def linked(text: str, here: str, known: set[str]) -> str:
    """Add the links to a piece of a page."""

    def link(match: re.Match[str]) -> str:
        target = page_named(match[1], here, known)
        if target is None:
            log.warning("%s names %s, which is no page", here, match[1])
            return match[0]
        return f"[{match[0]}]({posixpath.relpath(target, posixpath.dirname(here) or '.')})"

    def command(match: re.Match[str]) -> str:
        target = f"commands/{match[1]}.md"
        if target not in known or target == here:
            return match[0]
        return f"[{match[0]}]({posixpath.relpath(target, posixpath.dirname(here) or '.')})"

    return COMMAND.sub(command, NAMED.sub(link, text))


def page_named(name: str, here: str, known: set[str]) -> str | None:
    """Return the page of this name, relative to the repository's root, to docs/, or to the page itself."""
    for path, source in FROM_ROOT.items():
        if name == source:
            return path
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(here), name))
    return next((one for one in (name.removeprefix("docs/"), beside) if one in known), None)


def index_of(commands: dict[str, click.Command]) -> str:
    """Make the page of all commands."""
    rows = [
        f"| [`{name}`]({name}.md) | {prose(first_paragraph(command.help))} |"
        for name, command in commands.items()
    ]
    return "\n".join(
        [
            "# Commands",
            "",
            paragraphs(program.help or ""),
            "",
            "| command | what it does |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def first_paragraph(text: str | None) -> str:
    """Return the first paragraph of a help text, which is its summary."""
    return (text or "").partition("\n\n")[0]


def page_of(name: str, command: click.Command, parent: click.Context | None = None) -> str:
    """Make the page of a command, and of those below it, from its help."""
    parent = parent or program.context_class(
        program, info_name="raidstorm", **program.context_settings
    )
    context = click.Context(command, info_name=name, parent=parent)
    usage = command.get_usage(context).removeprefix("Usage: ")
    depth = "#" * (1 + context.command_path.count(" ") - 1)
    lines = [f"{depth} {context.command_path}", "", f"```text\n{usage}\n```", ""]
    lines += [paragraphs(command.help or ""), ""]
    records = [one.get_help_record(context) for one in command.get_params(context)]
    rows = [
        f"| {code(option)} | {prose(what)} |"
        for option, what in filter(None, records)
        if what or option.startswith("-")
    ]
    if rows:
        lines += ["| option | what it is |", "| --- | --- |", *rows, ""]
    lines += [paragraphs(command.epilog or ""), ""]
    if isinstance(command, click.Group):
        lines += [page_of(below, one, context) for below, one in command.commands.items()]
    return "\n".join(lines)


def paragraphs(text: str) -> str:
    """Format a help text as Markdown; paragraphs are rewrapped, except those that begin with click's ``\\b``."""
    shown = []
    for part in re.split(r"\n\s*\n", text.strip()):
        if part.lstrip().startswith("\b"):
            shown.append("```text\n" + part.replace("\b", "").strip("\n") + "\n```")
        else:
            shown.append(prose(" ".join(part.split())))
    return "\n\n".join(shown)


def prose(text: str) -> str:
    """Escape plain text for Markdown, also in a table; options look like code."""
    words = re.split(r"((?<![\w-])--?[a-z][\w-]*)", " ".join(text.split()))
    words[1::2] = [code(word) for word in words[1::2]]
    words[::2] = [re.sub(r"([\\`*_\[\]])", r"\\\1", escaped(word)) for word in words[::2]]
    return "".join(words)


def code(text: str) -> str:
    """Format code, also in a table."""
    return f"<code>{escaped(text)}</code>"


def escaped(text: str) -> str:
    """Escape characters with a meaning in HTML, or in a table's cell."""
    return html.escape(text, quote=False).replace("|", "&#124;")
