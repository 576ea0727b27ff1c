"""``raidstorm known``: files of known failures, read and written."""

from __future__ import annotations

from chaos.campaigns.known import KnownError, KnownFailure, add_known, read_known
from chaos.cli.parameters import Catalog
from chaos.cli.screen import Screen, count
from chaos.cli.targets import capsule_of


def add(catalog: Catalog, run: str, file: str, *, title: str, link: str) -> int:
    """Append an entry with the signature of a run, and print it."""
    capsule, is_recording = capsule_of(catalog, run)
    if not is_recording:
        raise KnownError(f"{run} has not been run; give the directory of a failing run")
    if capsule.expected is None or not capsule.expected.signature:
        raise KnownError(f"{run} is not a run that failed, so it has no signature")
    target = capsule.plan.target
    entry = KnownFailure(signature=capsule.expected.signature, title=title, link=link)
    add_known(file, entry, None if target is None else target.version)
    Screen().say(f"{file}: {entry.signature} is known now as {title!r}; use it with --known {file}")
    return 0


def show(file: str) -> int:
    """Print the entries of a file."""
    entries = read_known([file])
    screen = Screen()
    screen.verdict(f"{file}: {count(len(entries), 'known failure')}", "bold")
    for one in entries:
        screen.say(f"  {one.title}")
        for line in (one.signature, one.link, _versions(one)):
            if line:
                screen.say(f"    {line}")
    return 0


def _versions(one: KnownFailure) -> str:
    if one.first and one.last:
        return f"versions {one.first} to {one.last}"
    if one.first:
        return f"from version {one.first} on"
    return f"up to version {one.last}" if one.last else ""
