"""From a source file or a tree to an object that can be loaded: compiled and linked once, into a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import msgspec

from chaos.drivers.native.process import TargetError

NATIVE = Path(__file__).parents[3] / "workers" / "native"
RUNTIME = (NATIVE / "runtime.c", NATIVE / "raidstorm_target.h")
COMPILE_SECONDS_MAX = 300
FLAGS = (
    "-std=gnu11",
    "-g",
    "-O2",
    "-fPIC",
    "-fvisibility=default",
    "-fno-omit-frame-pointer",
    "-Wall",
)


class BuildError(TargetError):
    """A target can't be built; the message is one sentence."""


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """A built object and what it was made from."""

    library: Path
    archives: str  # hash of all that went in
    commit: str = ""
    preload: tuple[str, ...] = ()


def cache_folder() -> Path:
    """Return the directory for built objects."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "raidstorm" / "native"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(
            f"{folder} can't be made: {error.strerror}; set XDG_CACHE_HOME to a directory you may write"
        ) from None
    return folder


def compiler() -> str:
    """Return the C compiler; raise BuildError where there is none."""
    named = os.environ.get("CC", "cc")
    found = shutil.which(named) or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        raise BuildError(
            "a target in C needs a C compiler, and none is found; install gcc or clang"
        )
    return found


def hash_of(parts: list[bytes]) -> str:
    """Return a hash of these parts, each with its length."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.hexdigest()[:32]


def build_source(source: Path) -> Built:
    """Compile a target's source file with the runtime, unless an object of the same preprocessed text is there."""
    try:
        with source.open("rb"):
            pass
        runtime = [path.read_bytes() for path in RUNTIME]
    except OSError as error:
        raise BuildError(f"{source} can't be read: {error.strerror}") from None
    include = [f"-I{NATIVE}", f"-I{source.parent}"]
    text = run([compiler(), *FLAGS, *include, "-E", "-P", str(source)])
    if text.returncode:
        raise BuildError(f"{source} can't be compiled: {_first_error(text.stderr)}")
    key = hash_of([text.stdout.encode(), *runtime, compiler().encode(), " ".join(FLAGS).encode()])
    library = cache_folder() / f"{source.stem}-{key}.so"
    if not library.exists():
        shared = ["-shared", "-Wl,-Bsymbolic,-z,now,-z,defs"]
        link([compiler(), *FLAGS, *include, *shared, str(source), str(RUNTIME[0])], library, source)
    return Built(library=library, archives=key)


def built_object(path: Path) -> Built:
    """Return an object that its user has built, as a copy that no later build overwrites."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BuildError(f"{path} can't be read: {error.strerror}") from None
    if content[:4] != b"\x7fELF":
        raise BuildError(f"{path} is not a shared object; build one with -shared -fPIC")
    key = hash_of([content])
    library = cache_folder() / f"{path.stem}-{key}.so"
    if not library.exists():
        unfinished = library.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(content)
        unfinished.rename(library)
    return Built(library=library, archives=key)


def link(command: list[str], library: Path, source: Path) -> None:
    """Run a compiler that makes the object; it appears whole, or not at all."""
    unfinished = library.with_suffix(f".{os.getpid()}")
    done = run([*command, "-o", str(unfinished)])
    if done.returncode:
        raise BuildError(f"{source} can't be compiled: {_first_error(done.stderr)}")
    unfinished.rename(library)


def _first_error(text: str) -> str:
    lines = text.splitlines()
    found = [line for line in lines if "error" in line or "undefined" in line]
    return (found or lines[-1:] or ["the compiler failed"])[0]


def run(command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program of the compiler's, with a text to read; raise BuildError where it can't be run."""
    try:
        return subprocess.run(  # noqa: S603  # a compiler, on the user's own files
            command,
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS_MAX,
            check=False,
            input=text,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{command[0]} can't be run: {error}") from None
