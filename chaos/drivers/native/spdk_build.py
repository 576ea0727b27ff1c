"""From a tree of SPDK to one object: the adapter's own C, compiled against the tree's headers and linked with its archives."""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaos.drivers.native.build import (
    FLAGS,
    NATIVE,
    RUNTIME,
    BuildError,
    Built,
    cache_folder,
    compiler,
    hash_of,
    run,
)
from chaos.drivers.native.spdk_probes import features
from chaos.drivers.native.spdk_tree import SpdkTree

ADAPTER = NATIVE / "spdk"
JOBS = 2
# Calls between SPDK's archives that watch.c stands in the way of.
WRAPPED = (
    "spdk_poller_register_named",
    "spdk_poller_unregister",
    "spdk_poller_pause",
    "spdk_poller_resume",
    "spdk_io_device_register",
    "spdk_io_device_unregister",
    "spdk_get_io_channel",
    "spdk_put_io_channel",
    "spdk_bdev_open_ext",
    "spdk_bdev_open_ext_v2",
    "spdk_bdev_close",
    "spdk_bdev_register",
    "spdk_bdev_io_complete",
)
# Only the interface is visible: SPDK's calls of malloc stay in the object, and Python's out of it.
EXPORTS = "{ global: raidstorm_*; local: *; };\n"
UNDEFINED = re.compile(r"undefined reference to [`'](\w+)'")
# The heap looks at what it has poisoned for all others.
NEVER_SANITIZED = ("heap.c",)


def build_spdk(directory: Path) -> Built:
    """Link the adapter against a tree that its user has configured and built; raise BuildError with one sentence."""
    tree = SpdkTree(directory)
    sources = [RUNTIME[0], *sorted(ADAPTER.glob("*.c"))]
    own = [
        path.read_bytes()
        for path in (*sources, *sorted(ADAPTER.glob("*.h")), RUNTIME[1], Path(__file__))
    ]
    key = hash_of([tree.content_hash.encode(), compiler().encode(), *own])
    library = cache_folder() / f"spdk-{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(prefix="spdk-", dir=cache_folder()) as folder:
            _Build(tree, Path(folder)).make(sources).rename(library)
    return Built(
        library=library, archives=tree.content_hash, commit=tree.commit, preload=_preload(tree)
    )


def _preload(tree: SpdkTree) -> tuple[str, ...]:
    """Return what must be loaded before Python itself: the sanitizer's library."""
    if not tree.has("CONFIG_ASAN"):
        return ()
    found = run([compiler(), "-print-file-name=libasan.so"]).stdout.strip()
    if not Path(found).is_absolute():
        raise BuildError(
            f"{tree.directory} is built with --enable-asan, and libasan.so is not found; install it"
        )
    return (str(Path(found).resolve()),)


class _Build:
    """One build in a folder of its own."""

    def __init__(self, tree: SpdkTree, folder: Path) -> None:
        self.tree = tree
        self.folder = folder
        self.sanitizers = [
            flag
            for setting, flag in (
                ("CONFIG_ASAN", "-fsanitize=address"),
                ("CONFIG_UBSAN", "-fsanitize=undefined"),
            )
            if tree.has(setting)
        ]

    def make(self, sources: list[Path]) -> Path:
        """Compile and link; return the object."""
        with ThreadPoolExecutor(JOBS) as pool:
            found = features(self.tree.directory, self._compile_command(), pool)
            found += ["RAID1_WITHOUT_DATA"] if self.tree.raid1_takes_requests_without_data else []
            macros = [f"-DRAIDSTORM_HAS_{name}" for name in found]
            objects = list(pool.map(lambda source: self._compile(source, macros), sources))
        return self._link(objects)

    def _compile_command(self) -> list[str]:
        tree = self.tree
        return [
            compiler(),
            *FLAGS,
            "-fno-builtin",
            "-D_GNU_SOURCE",
            "-DDEBUG" if tree.has("CONFIG_DEBUG") else "-DNDEBUG",
            "-include",
            str(tree.config_header),
            f"-I{tree.directory / 'include'}",
        ]

    def _compile(self, source: Path, macros: list[str]) -> Path:
        made = self.folder / f"{source.stem}.o"
        if source.name in NEVER_SANITIZED:
            sanitized = ["-DRAIDSTORM_SANITIZED"] if self.tree.has("CONFIG_ASAN") else []
        else:
            sanitized = self.sanitizers
        done = run(
            [*self._compile_command(), *macros, *sanitized, "-c", str(source), "-o", str(made)]
        )
        if done.returncode:
            raise self._error(f"{source.name} of the adapter can't be compiled", done.stderr)
        return made

    def _link(self, objects: list[Path]) -> Path:
        """Link twice: what nothing defines, functions are made of that end the target with their names."""
        library = self.folder / "target.so"
        command = self._link_command(objects)
        done = run([*command, "-o", str(library)])
        missing = sorted(set(UNDEFINED.findall(done.stderr)))
        if done.returncode and missing:
            stubs = self._compile(self._stubs(missing), [])
            done = run([*command, str(stubs), "-o", str(library)])
        if done.returncode:
            raise self._error("the adapter can't be linked with its archives", done.stderr)
        return library

    def _link_command(self, objects: list[Path]) -> list[str]:
        exports = self.folder / "exports"
        exports.write_text(EXPORTS)
        return [
            compiler(),
            "-shared",
            *self.sanitizers,
            *(["--coverage"] if self.tree.has("CONFIG_COVERAGE") else []),
            f"-Wl,--version-script={exports}",
            "-Wl,-Bsymbolic,-z,now,-z,defs",
            *(f"-Wl,--wrap={name}" for name in WRAPPED),
            *map(str, objects),
            "-Wl,--whole-archive",
            *map(str, self.tree.whole),
            "-Wl,--no-whole-archive",
            *map(str, self.tree.pulled),
            *self.tree.system_libraries,
        ]

    def _stubs(self, names: list[str]) -> Path:
        path = self.folder / "stubs.c"
        bodies = [
            f'void {name}(void);\nvoid\n{name}(void)\n{{\n\traidstorm_crash("missing", "{name} was called, which '
            "the adapter doesn't have\");\n}\n"
            for name in names
        ]
        path.write_text(f'#include "{NATIVE / "raidstorm_target.h"}"\n\n' + "\n".join(bodies))
        return path

    def _error(self, what: str, messages: str) -> BuildError:
        lines = [line.strip() for line in messages.splitlines()]
        first = next(
            (line for line in lines if "error" in line or "undefined" in line),
            "the compiler failed",
        )
        return BuildError(f"{self.tree.directory}: {what}: {first}")
