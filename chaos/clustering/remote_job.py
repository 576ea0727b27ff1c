"""Jobs for processes that share no files with this one: the messages to them and from them.

Such a process keeps its runs in a temporary directory during the job. The files of a failing run return with the job's
results and are written where the user wants them; a job counts only then. Only ``sim``: one runner for each job, and no
further processes.
"""

from __future__ import annotations

import hashlib
import platform
import threading
import zlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

import chaos
import workers
from chaos.campaigns.jobs import Job, run_seeds
from chaos.campaigns.runner import Runner, RunResult, RunSpec, replay_by_seed
from chaos.judging.user_checks import CodeError
from chaos.run.driver import DriverError
from chaos.store.store import Store, StoreError
from chaos.store.version import tool_version
from workers.segments import owner_tag

CAMPAIGNS_KNOWN_MAX = 64


class ClusterError(Exception):
    """The cluster can't be used as the user wants; the message is one sentence."""


class ClusterBrokenError(DriverError):
    """The cluster has stopped working during a campaign; the message is one sentence."""


class CodeVersion(msgspec.Struct, frozen=True):
    """The version of a process's code; with equal versions a seed gives the same run."""

    raidstorm: str
    python: str
    digest: str  # SHA-256 over the sources of tester and engine

    def __str__(self) -> str:
        return f"raidstorm {self.raidstorm} ({self.digest[:8]}) under Python {self.python}"


class RemoteJob(msgspec.Struct, frozen=True):
    """A job, with the other data that its process needs."""

    job: Job
    campaign: str
    code: CodeVersion
    full: tuple[str, ...]  # groups of failures of which enough runs are kept


class RemoteResult(msgspec.Struct, frozen=True):
    """The results, and, by seed, the files of its run directory, compressed."""

    results: list[RunResult]
    files: dict[int, dict[str, bytes]]


@cache
def code_version() -> CodeVersion:
    """Return the version of this process's code."""
    digest = hashlib.sha256()
    for package in (chaos, workers):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{root.name}/{path.relative_to(root)}\n".encode())
            digest.update(path.read_bytes())
    major, minor, _ = platform.python_version_tuple()
    return CodeVersion(tool_version(), f"{major}.{minor}", digest.hexdigest())


def difference(theirs: CodeVersion, ours: CodeVersion) -> str:
    """Return the reason why two versions can give different results, or ""."""
    if theirs == ours:
        return ""
    return f"has {theirs}, and this is {ours}; install the same there, and start it again"


# The requests to stop that this process has received; one may arrive before the campaign's first task does.
_stops: dict[str, threading.Event] = {}


def stop_of(campaign: str) -> threading.Event:
    """Return the event that stops a campaign in this process."""
    while len(_stops) > CAMPAIGNS_KNOWN_MAX:
        _stops.pop(next(iter(_stops)), None)
    return _stops.setdefault(campaign, threading.Event())


def run_remote_job(remote_job: RemoteJob, where: str) -> RemoteResult:
    """Run the job; ``where`` is this process's name in sentences."""
    wrong = difference(code_version(), remote_job.code)
    if wrong:
        raise ClusterBrokenError(f"{where} {wrong}")
    spec = remote_job.job.spec
    try:
        with TemporaryDirectory(prefix=f"{owner_tag()}-") as folder:
            store = Store(Path(folder), home=Path(spec.out), full=remote_job.full)
            runner = Runner(spec, store, stop_of(remote_job.campaign).is_set)
            try:
                results = run_seeds(runner, remote_job.job)
            finally:
                runner.close()
            return _pack([_located(result, where) for result in results], store)
    except (CodeError, StoreError) as error:
        raise ClusterError(f"on {where}: {error}") from None


def _located(result: RunResult, where: str) -> RunResult:
    """Name the worker whose disk is full."""
    if not result.unwritten:
        return result
    return msgspec.structs.replace(result, unwritten=f"on {where}: {result.unwritten}")


def _pack(results: list[RunResult], store: Store) -> RemoteResult:
    files = {}
    for result in results:
        if result.run_dir:
            folder = store.root / Path(result.run_dir).relative_to(store.home)
            files[result.seed] = {
                str(path.relative_to(folder)): zlib.compress(path.read_bytes(), 1)
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
    return RemoteResult(results, files)


def import_results(remote_result: RemoteResult, spec: RunSpec, store: Store) -> list[RunResult]:
    """Write the files of the runs, within the local bounds, and return their results."""
    results = []
    for result in remote_result.results:
        packed = remote_result.files.get(result.seed)
        if packed is not None:
            files = {name: zlib.decompress(content) for name, content in packed.items()}
            if not store.bring(Path(result.run_dir), result.group, files):
                result = msgspec.structs.replace(
                    result, run_dir="", replay=replay_by_seed(spec, result.seed)
                )
        results.append(result)
    return results
