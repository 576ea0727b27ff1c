"""The targets in C that the user has allowed this process to load: those that --spdk and --target name.

A capsule only says what its run was recorded on. It never makes raidstorm load code; a command does, which got one of the options.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from chaos.drivers.native.build import NATIVE, Built, build_source, built_object
from chaos.drivers.native.process import TargetError, TargetServer
from chaos.drivers.native.spdk_build import build_spdk
from chaos.drivers.native.symbols import Symbols
from chaos.drivers.native.target import Target
from chaos.plan.target_id import TargetId, TargetKind

# By process too: a forked process must not use its parent's server.
EXAMPLE = "example"  # the name of the target that comes with raidstorm
ALLOWED = "RAIDSTORM_ALLOWED_TARGET"  # kind and path, for this process and those that it starts


class UnnamedTargetError(TargetError):
    """A run needs a target that its user has not named; the message is one sentence."""


_OPENED: dict[tuple[int, TargetKind, str], Target] = {}


@contextlib.contextmanager
def allowed(kind: TargetKind, path: str) -> Iterator[TargetId]:
    """Open a target that the user names, and play every run of its kind on it, also in processes started meanwhile."""
    before = os.environ.get(ALLOWED)
    os.environ[ALLOWED] = json.dumps([kind, path])
    try:
        yield open_target(kind, path)
    finally:
        if before is None:
            del os.environ[ALLOWED]
        else:
            os.environ[ALLOWED] = before


def open_target(kind: TargetKind, path: str) -> TargetId:
    """Build and load a target that the user names, once per process; raise BuildError or TargetError."""
    key = (os.getpid(), kind, path)
    if key not in _OPENED or not _OPENED[key].server.is_alive:
        _OPENED[key] = _open(kind, path)
    return _OPENED[key].identity


def _open(kind: TargetKind, path: str) -> Target:
    built = _build(kind, Path(path))
    server = TargetServer(built.library, built.preload, str(path))
    atexit.register(server.close)
    description = server.description
    identity = TargetId(
        kind=kind,
        path=path,
        name=str(description.get("name", "")),
        version=str(description.get("version", "")),
        build=str(description.get("build", "")),
        commit=built.commit,
        archives=built.archives,
        capabilities=description["capabilities"],
    )
    return Target(identity=identity, server=server, symbols=Symbols(built.library))


def _build(kind: TargetKind, path: Path) -> Built:
    if kind == "spdk":
        return build_spdk(path)
    if path == Path(EXAMPLE) and not path.exists():
        path = NATIVE / "example" / "example.c"
    return build_source(path) if path.suffix == ".c" else built_object(path)


def opened_for(identity: TargetId) -> Target:
    """Return the target on which a run is to be played: the one that is allowed now, or the one of this identity, if open.

    Raise UnnamedTargetError where there is none.
    """
    named = _named_for(identity)
    if named is None:
        option, path = identity.option
        raise UnnamedTargetError(
            f"this run was recorded on {identity.words}; give {option} {path} (or another build) to load it"
        )
    open_target(*named)
    return _OPENED[os.getpid(), *named]


def _named_for(identity: TargetId) -> tuple[TargetKind, str] | None:
    """Return what the user, not the capsule, has named for this run."""
    if named := os.environ.get(ALLOWED):
        kind, path = json.loads(named)
        return (identity.kind, path) if kind == identity.kind else None
    is_open = (os.getpid(), identity.kind, identity.path) in _OPENED
    return (identity.kind, identity.path) if is_open else None
