"""The results of a suite: ``summary.json`` in its directory, written whole after each facet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from chaos.campaigns.suite import Suite, SuiteError
from chaos.campaigns.suite_run import INTERRUPTED, FacetOutcome, missing_of, reached_by
from chaos.checkers import Verdict
from chaos.checkers.finding import worst
from chaos.store.store import StoreError
from chaos.store.version import tool_version

SUMMARY = "summary.json"
FORMAT = "raidstorm suite summary"
FORMAT_VERSION = 1
BYTES_MAX = 256 * 1024 * 1024


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """summary.json; ``exit_code`` is None, and ``finished`` false, while the suite runs or when it was killed."""

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    raidstorm_version: str
    suite: str
    description: str = ""
    again: str = ""  # the line that runs this suite, without options
    subset: str = ""
    rerun_of: str = ""
    finished: bool = False
    interrupted: bool = False
    exit_code: int | None = None
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    not_run: int = 0  # or not to their end
    reach: dict[str, int] = {}  # of all facets that must be valid
    wanted: dict[str, int] = {}  # the suite's own gates; they don't apply to a part of it
    missing: list[str] = []  # gates missed after all facets were run
    facets: list[FacetOutcome]

    @property
    def code(self) -> int:
        """Return the exit code of the runs so far."""
        if self.interrupted:
            return INTERRUPTED
        codes = [one.code for one in self.facets]
        if self.missing:
            codes.append(int(Verdict.NOT_EXERCISED))
        return int(worst([Verdict(code) for code in codes]))


def head_of(suite: Suite, *, again: str, subset: str, rerun_of: str) -> Summary:
    """Return a summary before the first facet."""
    return Summary(
        raidstorm_version=tool_version(),
        suite=suite.name,
        description=suite.description,
        again=again,
        subset=subset,
        rerun_of=rerun_of,
        wanted=suite.reach,
        facets=[],
    )


def summed(
    head: Summary, outcomes: Sequence[FacetOutcome], *, finished: bool, interrupted: bool
) -> Summary:
    """Return the summary with these facets in it."""
    reach = reached_by(outcomes)
    states = [one.state for one in outcomes]
    complete = (
        finished
        and not interrupted
        and not head.subset
        and not {"not run", "interrupted"} & set(states)
    )
    summary = msgspec.structs.replace(
        head,
        facets=list(outcomes),
        finished=finished,
        interrupted=interrupted,
        # A facet that was taken over used its time in another suite.
        seconds=round(sum(one.seconds for one in outcomes if not one.taken_over_from), 3),
        passed=states.count("passed"),
        failed=states.count("failed"),
        not_run=states.count("not run") + states.count("interrupted"),
        reach=reach,
        missing=missing_of(head.wanted, reach) if complete else [],
    )
    return msgspec.structs.replace(summary, exit_code=summary.code) if finished else summary


def write_summary(folder: Path, summary: Summary) -> None:
    """Write the file whole, or leave the old one."""
    path = folder / SUMMARY
    unfinished = path.with_suffix(".tmp")
    try:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
        unfinished.replace(path)
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror}") from None


def read_summary(folder: Path) -> Summary:
    """Read a suite's directory, or its summary.json; raise SuiteError where it can't be read."""
    path = folder if folder.name == SUMMARY else folder / SUMMARY
    try:
        if path.stat().st_size > BYTES_MAX:
            raise SuiteError(f"{path} is too large to be a suite's summary")
        data = path.read_bytes()
    except OSError as error:
        raise SuiteError(
            f"{path} can't be read: {error.strerror}; --rerun takes the directory of a suite that ran"
        ) from None
    return parse_summary(path, data)


def parse_summary(path: Path, data: bytes) -> Summary:
    """Check a summary in memory; raise SuiteError where it isn't valid."""
    try:
        summary = msgspec.json.decode(data, type=Summary)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SuiteError(f"{path} is not a valid suite summary: {error}") from None
    if summary.format != FORMAT or summary.format_version != FORMAT_VERSION:
        raise SuiteError(
            f"{path} is not a suite summary that this raidstorm reads "
            f"(format {summary.format!r}, version {summary.format_version})"
        )
    return summary


def earlier_outcomes(summary: Summary, folder: Path) -> Mapping[str, FacetOutcome]:
    """Return the facets by name, as a suite that runs them again takes them over."""
    return {
        one.name: msgspec.structs.replace(one, taken_over_from=one.taken_over_from or str(folder))
        for one in summary.facets
    }
