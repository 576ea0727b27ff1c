"""The capsule: one JSON file with everything needed to replay one run. The unit of reproduction."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import msgspec

from chaos.base.seeds import SEED_MAX
from chaos.checkers import Finding
from chaos.judging.judge import verdict_of
from chaos.judging.user_checks import EmbeddedCode, sha256
from chaos.plan.driver_names import DriverName as DriverName
from chaos.plan.experiment import Experiment, ExperimentError, validate
from chaos.plan.plan import Plan, fits
from chaos.run.execution import Execution
from chaos.showing.labels import Labels
from chaos.steps.schedule import Item, Step
from chaos.store.step_validation import step_error
from workers.defects.loader import source_text
from workers.protocol import DefectSource

FORMAT = "raidstorm capsule"
FORMAT_VERSION = 3  # 2: plans with superblocks, restarts as steps; 3: search strategies
CAPSULE_BYTES_MAX = 512 * 1024 * 1024


class CapsuleError(Exception):
    """The capsule can't be used; the message is one sentence."""


class Expected(msgspec.Struct, frozen=True):
    """The end of the recorded run."""

    verdict: int
    signature: str
    fingerprint: str
    steps: int


class CapsuleDefect(msgspec.Struct, frozen=True):
    """A defect of the run: built in, or embedded with its source."""

    id: str
    sha256: str
    source: str | None = None


class Capsule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A run; the head is written before the run, schedule and expectation after it."""

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    raidstorm_version: str
    python_version: str = ""
    experiment: Experiment
    seed: int
    driver: DriverName
    plan: Plan
    defects: list[CapsuleDefect] = []
    checks: list[EmbeddedCode] = []
    labels: Labels | None = None
    expected: Expected | None = None
    schedule: list[Step] | None = None
    rebuilt: bool = False  # a free run, whose schedule is that of its replay in sim
    # A shrunk run has the items that fix its order (chaos/scripts/player.py), and ends with the failure if it is cut.
    script: list[Item] | None = None
    cut: bool = False
    # Why shrinking stopped early, in words; a capsule to which it doesn't apply is written without the field.
    unfinished: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def replay_driver(self) -> DriverName:
        """Return the driver that replays these steps."""
        return "sim" if self.rebuilt else self.driver

    @property
    def stepping_driver(self) -> DriverName:
        """Return the driver that takes its steps one by one, on whatever driver it was recorded."""
        return "sim" if self.plan.target is None else "native"

    @property
    def tested(self) -> str:
        """Name what passes where a regression holds."""
        return "the reference engine" if self.plan.target is None else "the target"

    @property
    def carries_code(self) -> bool:
        """Return whether it carries code of a user."""
        return bool(self.checks) or any(defect.source is not None for defect in self.defects)

    def defect_sources(self) -> tuple[DefectSource, ...]:
        """Return the defects in the form that workers take."""
        return tuple(DefectSource(defect.id, defect.source) for defect in self.defects)


def capsule_defect(defect: DefectSource) -> CapsuleDefect:
    """Return a defect in the form that a capsule carries."""
    return CapsuleDefect(defect.id, sha256(source_text(defect)), defect.source)


def expected_of(execution: Execution, findings: list[Finding]) -> Expected:
    """Return the end of a run for its capsule."""
    signature = findings[0].signature if findings else ""
    verdict = int(verdict_of(findings))
    return Expected(verdict, signature, execution.fingerprint, execution.steps)


def unfinished_line(capsule: Capsule) -> str:
    """Say that shrinking stopped early; return "" where it didn't."""
    if capsule.unfinished is msgspec.UNSET:
        return ""
    return f"not finished: {capsule.unfinished}; run shrink again for a smaller run"


def replay_line(program: str, where: str | Path, capsule: Capsule) -> str:
    """Write the line that replays the capsule at this path."""
    words = [program, "replay", shlex.quote(str(where)), *target_words(capsule)]
    return " ".join([*words, "--allow-code"] if capsule.carries_code else words)


def target_words(capsule: Capsule) -> list[str]:
    """Return the option that names the capsule's target in C, as words of a command line."""
    if capsule.plan.target is None:
        return []
    option, path = capsule.plan.target.option
    return [option, shlex.quote(path)]


def write_capsule(path: Path, capsule: Capsule) -> None:
    """Write the whole file, or leave the old one."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(msgspec.json.encode(capsule))
    unfinished.replace(path)


def read_capsule(path: Path) -> Capsule:
    """Read and check a capsule; raise CapsuleError when it can't be used."""
    try:
        if path.stat().st_size > CAPSULE_BYTES_MAX:
            raise CapsuleError(f"{path} is too large to be a capsule")
        data = path.read_bytes()
    except OSError as error:
        raise CapsuleError(f"{path} can't be read: {error.strerror}") from None
    return parse_capsule(path, data)


def parse_capsule(path: Path, data: bytes) -> Capsule:
    """Check a capsule in memory; sentences name it by ``path``. Raise CapsuleError when it can't be used."""
    _check_head(path, data)
    try:
        capsule = msgspec.json.decode(data, type=Capsule)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CapsuleError(f"{path} is not a valid capsule: {error}") from None
    _check_run(path, capsule)
    for defect in capsule.defects:
        if defect.source is not None and sha256(defect.source) != defect.sha256:
            raise CapsuleError(f"{path}: the embedded defect {defect.id} doesn't match its SHA-256")
    for code in capsule.checks:
        if not code.is_intact():
            raise CapsuleError(f"{path}: the embedded check {code.name} doesn't match its SHA-256")
    return capsule


def _check_run(path: Path, capsule: Capsule) -> None:
    """Check that such a run is possible, since a capsule from outside may contain anything."""
    try:
        validate(capsule.experiment)
    except ExperimentError as error:
        raise CapsuleError(f"{path}: {error}") from None
    if not 0 <= capsule.seed <= SEED_MAX:
        raise CapsuleError(f"{path}: {capsule.seed} is not a seed; it was edited")
    if not fits(capsule.experiment, capsule.plan):
        raise CapsuleError(f"{path}: its plan is not one of its experiment; it was edited")
    labels, plan = capsule.labels, capsule.plan
    if labels is not None and (
        len(labels.hosts) < plan.hosts or len(labels.disks) < plan.layout.disks
    ):
        raise CapsuleError(f"{path}: it has fewer labels than hosts or disks; it was edited")
    if capsule.schedule is None:
        return
    if capsule.expected is not None and capsule.expected.steps != len(capsule.schedule):
        raise CapsuleError(
            f"{path} has {len(capsule.schedule)} steps of {capsule.expected.steps} recorded ones; "
            "it was edited or cut short"
        )
    for number, step in enumerate(capsule.schedule, 1):
        wrong = step_error(step, capsule.plan.layout, capsule.plan.hosts)
        if wrong:
            raise CapsuleError(f"{path}: step {number} can't be taken: {wrong}")


def _check_head(path: Path, data: bytes) -> None:
    try:
        head = json.loads(data)
    except (ValueError, RecursionError):
        raise CapsuleError(
            f"{path} is not JSON, or was cut short; a capsule is one whole JSON object"
        ) from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise CapsuleError(f"{path} is not a raidstorm capsule")
    version = head.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise CapsuleError(f"{path} has no valid format_version")
    if version < FORMAT_VERSION:
        raise CapsuleError(
            f"{path} was written by an older raidstorm (capsule version {version}); "
            "replay it with that one"
        )
    if version > FORMAT_VERSION:
        raise CapsuleError(
            f"{path} was written by a newer raidstorm (capsule version {version}, "
            f"this one reads up to {FORMAT_VERSION}); update raidstorm to replay it"
        )
