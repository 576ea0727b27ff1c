"""Trees of SPDK that can't be built against: one sentence each, before anything is compiled."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from chaos.drivers.native.build import BuildError
from chaos.drivers.native.spdk_build import build_spdk
from chaos.drivers.native.spdk_tree import MACHINES, PULLED, WHOLE, SpdkTree

OF_THIS_MACHINE = next(
    (number for number, name in MACHINES.items() if name == platform.machine()), 0
)


def _archive(machine: int) -> bytes:
    return b"!<arch>\n" + bytes(60) + b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a directory with all that is looked for before the first call of the compiler."""
    for name in ("include/spdk/bdev_module.h", "include/spdk/config.h", "mk/config.mk"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("CONFIG_DEBUG?=y\nCONFIG_ISAL?=n\n" if path.suffix == ".mk" else "")
    libraries = tmp_path / "build" / "lib"
    libraries.mkdir(parents=True)
    for name in (*WHOLE, *PULLED):
        (libraries / f"libspdk_{name}.a").write_bytes(_archive(OF_THIS_MACHINE))
    return tmp_path


@pytest.mark.skipif(not OF_THIS_MACHINE, reason="no archives of this architecture are known")
def test_complete_tree_is_accepted(tree: Path) -> None:
    assert SpdkTree(tree).has("CONFIG_DEBUG")


def test_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="nowhere is not a directory"):
        build_spdk(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("include/spdk/bdev_module.h", "is not a tree of SPDK"),
        ("mk/config.mk", "is not configured"),
        ("include/spdk/config.h", "is not built"),
        ("build/lib/libspdk_bdev_raid.a", "libspdk_bdev_raid.a is missing"),
    ],
)
def test_what_a_tree_lacks_is_named(tree: Path, missing: str, sentence: str) -> None:
    (tree / missing).unlink()
    with pytest.raises(BuildError, match=sentence):
        build_spdk(tree)


def test_isal_that_is_configured_must_be_built(tree: Path) -> None:
    (tree / "mk" / "config.mk").write_text("CONFIG_ISAL?=y\n")
    with pytest.raises(BuildError, match=r"libisal\.a is missing"):
        build_spdk(tree)


@pytest.mark.skipif(not OF_THIS_MACHINE, reason="no archives of this architecture are known")
def test_tree_of_another_machine_is_refused(tree: Path) -> None:
    other = next(number for number in MACHINES if number != OF_THIS_MACHINE)
    (tree / "build" / "lib" / f"libspdk_{WHOLE[0]}.a").write_bytes(_archive(other))
    with pytest.raises(BuildError, match=f"is built for {MACHINES[other]}"):
        build_spdk(tree)


def test_archive_without_objects_is_refused(tree: Path) -> None:
    (tree / "build" / "lib" / f"libspdk_{WHOLE[0]}.a").write_bytes(b"!<arch>\n")
    with pytest.raises(BuildError, match="holds no ELF objects"):
        build_spdk(tree)


def test_thread_sanitizer_is_refused(tree: Path) -> None:
    (tree / "mk" / "config.mk").write_text("CONFIG_TSAN?=y\n")
    with pytest.raises(BuildError, match="thread sanitizer"):
        build_spdk(tree)
