"""The targets in C that the user has allowed this process to load: those that --spdk and --target name.

A capsule only says what its run was recorded on. It never makes raidstorm load code; a command does, which got one of the options.
"""

from __future__ import annotations

import atexit
import json
import os
from pathlib import Path

from chaos.drivers.native.build import NATIVE, Built, build_source, built_object
from chaos.drivers.native.process import TargetError, TargetServer
from chaos.drivers.native.spdk_build import build_spdk
from chaos.drivers.native.symbols import Symbols
from chaos.drivers.native.target import Target
from chaos.plan.target_id import TargetId, TargetKind

# By process too: a forked process must not use its parent's server.
EXAMPLE = "example"  # the name of the target that comes with raidstorm
ALLOWED = (
    "RAIDSTORM_ALLOWED_TARGETS"  # set by the command that got the option, for its own processes
)
_OPENED: dict[tuple[int, TargetKind, str], Target] = {}


def allow(kind: TargetKind, path: str) -> TargetId:
    """Open a target that the user names, and allow the processes that this one starts to open it, too."""
    allowed = [entry for entry in _allowed() if entry != [kind, path]]
    os.environ[ALLOWED] = json.dumps([*allowed, [kind, path]])
    return open_target(kind, path)


def _allowed() -> list[list[str]]:
    try:
        return list(json.loads(os.environ.get(ALLOWED, "[]")))
    except ValueError:
        return []


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
    """Return the target on which a run is to be played; raise TargetError where none was opened for it."""
    for kind, path in _allowed():
        if kind == identity.kind:
            open_target(identity.kind, path)
    own = {key[1:]: target for key, target in _OPENED.items() if key[0] == os.getpid()}
    of_kind = [target for (kind, _), target in own.items() if kind == identity.kind]
    found = own.get((identity.kind, identity.path)) or (of_kind[-1] if of_kind else None)
    if found is not None and not found.server.is_alive:
        open_target(found.identity.kind, found.identity.path)
        return opened_for(identity)
    if found is not None:
        return found
    option, path = identity.option
    raise TargetError(
        f"this run was recorded on {identity.words}; give {option} {path} (or another build) to load it"
    )
