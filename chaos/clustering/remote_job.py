"""Jobs for processes that share no files with this one: what goes out, and what comes home.

Such a process keeps its runs in a temporary directory, as long as the job takes. What a failing run leaves there comes
home with the job's results and is written where the user wants it; until then nothing counts. Only ``sim``: one runner a
job, no processes.
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
    """The cluster can't be used as the user wants, in one sentence."""


class ClusterBrokenError(DriverError):
    """The cluster has ceased to be usable on the way, in one sentence."""


class CodeVersion(msgspec.Struct, frozen=True):
    """Which code a process has; equal ones make the same of a seed."""

    raidstorm: str
    python: str
    digest: str  # SHA-256 over the sources of tester and engine

    def __str__(self) -> str:
        return f"raidstorm {self.raidstorm} ({self.digest[:8]}) under Python {self.python}"


class RemoteJob(msgspec.Struct, frozen=True):
    """A job, and what its process must know besides."""

    job: Job
    campaign: str
    code: CodeVersion
    full: tuple[str, ...]  # signatures of which no more runs are wanted


class RemoteResult(msgspec.Struct, frozen=True):
    """The results, and per seed the files of its run directory, compressed."""

    results: list[RunResult]
    files: dict[int, dict[str, bytes]]


@cache
def code_version() -> CodeVersion:
    """This process's code."""
    digest = hashlib.sha256()
    for package in (chaos, workers):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{root.name}/{path.relative_to(root)}\n".encode())
            digest.update(path.read_bytes())
    major, minor, _ = platform.python_version_tuple()
    return CodeVersion(tool_version(), f"{major}.{minor}", digest.hexdigest())


def difference(theirs: CodeVersion, ours: CodeVersion) -> str:
    """What keeps the two from giving the same results; empty: nothing."""
    if theirs == ours:
        return ""
    return f"has {theirs}, and this is {ours}; install the same there, and start it again"


# The wishes to stop that this process knows of; one may come before the first task does.
_stops: dict[str, threading.Event] = {}


def stop_of(campaign: str) -> threading.Event:
    """A campaign's wish to stop, in this process."""
    while len(_stops) > CAMPAIGNS_KNOWN_MAX:
        _stops.pop(next(iter(_stops)), None)
    return _stops.setdefault(campaign, threading.Event())


def run_remote_job(remote_job: RemoteJob, where: str) -> RemoteResult:
    """Run the job; ``where`` says which process this is, in sentences."""
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
            return _pack(results, store)
    except (CodeError, StoreError) as error:
        raise ClusterError(f"on {where}: {error}") from None


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
    """Write what the runs have left, within the bounds that hold here, and give their results."""
    results = []
    for result in remote_result.results:
        packed = remote_result.files.get(result.seed)
        if packed is not None:
            files = {name: zlib.decompress(content) for name, content in packed.items()}
            if not store.bring(Path(result.run_dir), result.signature, files):
                result = msgspec.structs.replace(
                    result, run_dir="", replay=replay_by_seed(spec, result.seed)
                )
        results.append(result)
    return results
