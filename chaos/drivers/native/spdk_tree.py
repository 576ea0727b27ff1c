"""A tree of SPDK that its user has configured and built: what of it the adapter needs, and what it offers."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import subprocess
from functools import cached_property
from pathlib import Path

from chaos.drivers.native.build import BuildError, hash_of

# Linked whole, for modules, RPC methods and transports register in constructors, which nothing refers to.
WHOLE = (
    "thread util log trace json notify accel dma bdev bdev_raid nvmf".split()  # noqa: SIM905  # as one reads it
)
WHOLE_IF_THERE = ("bdev_error", "bdev_delay", "bdev_passthru")
PULLED = ("nvme", "sock", "keyring")
PULLED_IF_THERE = ("rdma_utils", "rdma_provider", "mlx5")
ISAL = {
    "CONFIG_ISAL": ("isa-l", "libisal.a", "-lisal"),
    "CONFIG_ISAL_CRYPTO": ("isa-l-crypto", "libisal_crypto.a", "-lisal_crypto"),
}
MACHINES = {62: "x86_64", 183: "aarch64"}
ELF = b"\x7fELF"
ELF_SEARCHED = 1 << 20
SETTING = re.compile(r"^\s*(CONFIG_\w+)\??=(.*)$")
GIT_SECONDS_MAX = 10


class SpdkTree:
    """A tree, checked when it is made: raise BuildError with what is wrong and what to do."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        if not directory.is_dir():
            raise BuildError(
                f"{directory} is not a directory; name the tree in which SPDK is built"
            )
        if not (directory / "include" / "spdk" / "bdev_module.h").is_file():
            raise BuildError(
                f"{directory} is not a tree of SPDK: it has no include/spdk/bdev_module.h; name its top directory"
            )
        if not (directory / "mk" / "config.mk").is_file():
            raise BuildError(f"{directory} is not configured; run ./configure and make in it")
        if not self.config_header.is_file():
            raise BuildError(
                f"{directory} is not built: it has no include/spdk/config.h; run make in it"
            )
        self.whole = [self._archive(name) for name in WHOLE]
        self.whole += self._if_there(WHOLE_IF_THERE)
        self.pulled = [self._archive(name) for name in PULLED]
        self.pulled += [*self._if_there(PULLED_IF_THERE), *self._isal()]
        self._check_settings()
        self._check_machine()

    @property
    def config_header(self) -> Path:
        """The generated header that decides layouts."""
        return self.directory / "include" / "spdk" / "config.h"

    @cached_property
    def settings(self) -> dict[str, str]:
        """What the user has configured."""
        lines = (self.directory / "mk" / "config.mk").read_text(errors="replace").splitlines()
        found = (SETTING.match(line) for line in lines)
        return {match[1]: match[2].strip() for match in found if match is not None}

    def has(self, setting: str) -> bool:
        """Return whether a setting is on."""
        return self.settings.get(setting) == "y"

    def _library(self, name: str) -> Path:
        return self.directory / "build" / "lib" / f"libspdk_{name}.a"

    def _archive(self, name: str) -> Path:
        path = self._library(name)
        if not path.is_file():
            raise BuildError(
                f"{self.directory} is not built completely: {path.name} is missing in build/lib; run make in it"
            )
        return path

    def _if_there(self, names: tuple[str, ...]) -> list[Path]:
        return [self._library(name) for name in names if self._library(name).is_file()]

    def _isal(self) -> list[Path]:
        """Return ISA-L's archives where the tree has built them."""
        rows = [
            row
            for setting, row in ISAL.items()
            if self.has(setting) and not self.has(f"{setting}_INSTALLED")
        ]
        paths = [
            Path(
                self.settings.get(
                    f"CONFIG_{folder.upper().replace('-', '_').replace('ISA_L', 'ISAL')}_PATH"
                )
                or self.directory / folder
            )
            / ".libs"
            / archive
            for folder, archive, _ in rows
        ]
        for path in paths:
            if not path.is_file():
                raise BuildError(
                    f"{self.directory} is not built completely: {path} is missing; run make in it"
                )
        return paths

    @property
    def system_libraries(self) -> list[str]:
        """The options for libraries of the system."""
        installed = [
            flag for setting, (_, _, flag) in ISAL.items() if self.has(f"{setting}_INSTALLED")
        ]
        return [*installed, "-lcrypto", "-luuid", "-lm"]

    def _check_settings(self) -> None:
        if self.has("CONFIG_TSAN"):
            raise BuildError(
                f"{self.directory} is built with the thread sanitizer; configure it without --enable-tsan"
            )

    def _check_machine(self) -> None:
        with self.whole[0].open("rb") as archive:
            start = archive.read(ELF_SEARCHED)
        place = start.find(ELF)
        if place < 0:
            raise BuildError(
                f"{self.whole[0]} holds no ELF objects; build SPDK without link-time bitcode"
            )
        number = int.from_bytes(start[place + 18 : place + 20], "little")
        if MACHINES.get(number, "") != platform.machine():
            machine = MACHINES.get(number, f"machine {number}")
            raise BuildError(
                f"{self.directory} is built for {machine}, and this is {platform.machine()}; build it here"
            )

    @cached_property
    def content_hash(self) -> str:
        """A hash of the archives and of the generated header."""
        return hash_of(
            [self._digest(path) for path in (*self.whole, *self.pulled, self.config_header)]
        )

    @staticmethod
    def _digest(path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise BuildError(f"{path} can't be read: {error.strerror}") from None

    @property
    def raid1_takes_requests_without_data(self) -> bool:
        """Return whether mirrors take unmaps and flushes: a host must not unmap where its namespace doesn't offer that."""
        return b"raid1_submit_null_payload" in self._archive("bdev_raid").read_bytes()

    @cached_property
    def commit(self) -> str:
        """The commit that is checked out, or "": the tree is no repository of its own."""
        git = shutil.which("git")
        if git is None or not (self.directory / ".git").exists():
            return ""
        try:
            done = subprocess.run(  # noqa: S603  # a fixed program, in the user's own tree
                [git, "-C", str(self.directory), "rev-parse", "HEAD"],
                capture_output=True,
                text=True,
                timeout=GIT_SECONDS_MAX,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""
