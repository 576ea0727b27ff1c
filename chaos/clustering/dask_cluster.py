"""Jobs over the workers of a Dask scheduler: ``--cluster tcp://...``.

Dask's workers are processes on any machine, and their number changes. If one dies, the scheduler gives its tasks to the
others. This module needs the extra ``cluster``; nothing else imports it at its top.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Client, KilledWorker, get_worker

from chaos.base.job_process import TaskFunction
from chaos.base.process_pool import TaskLostError
from chaos.campaigns.jobs import Job, run_job
from chaos.campaigns.runner import RunResult, RunSpec
from chaos.clustering.remote_job import (
    ClusterBrokenError,
    ClusterError,
    CodeVersion,
    RemoteJob,
    RemoteResult,
    code_version,
    difference,
    import_results,
    run_remote_job,
    stop_of,
)
from chaos.store.store import Store

SCHEMES = "tcp", "tls"
CONNECT_SECONDS_MAX = 10
WATCH_SECONDS = 1.0
WITHOUT_WORKERS_SECONDS_MAX = 60
CLOSE_SECONDS_MAX = 3
START_WORKERS = "dask worker {address} --nthreads 1 --nworkers 4"


# These functions run on a worker.


def _about() -> CodeVersion:
    return code_version()


def _stop(campaign: str) -> None:
    stop_of(campaign).set()


def _run(remote_job: RemoteJob) -> RemoteResult:
    worker = get_worker()
    where = f"the worker {worker.address}"
    if worker.state.nthreads > 1:
        raise ClusterBrokenError(_too_many_threads(worker.address, worker.state.nthreads))
    return run_remote_job(remote_job, where)


def _too_many_threads(address: str, threads: int) -> str:
    return (
        f"the worker {address} has {threads} threads, and a run can use only one; start it with "
        "--nthreads 1, and more of them with --nworkers"
    )


# These run in this process.


class Cluster:
    """A connection to a scheduler whose workers have been checked; opens a pool for each campaign."""

    def __init__(self, address: str) -> None:
        self.address = address
        _check_address(address)
        # Dask's log entries are reported in a sentence, or don't concern the user.
        for name in ("distributed", "distributed.client", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_SECONDS_MAX}s"})
        self.client = _connect(address)
        try:
            self._look_at_workers()
        except BaseException:
            self.close()
            raise
        self._numbers = itertools.count()

    def _look_at_workers(self) -> None:
        try:
            self.client.wait_for_workers(1, timeout=CONNECT_SECONDS_MAX)
            threads = self.threads()
            abouts = self.client.run(_about, on_error="return")
        except TimeoutError:
            raise ClusterError(
                f"the scheduler at {self.address} has no workers; start some with "
                f"'{START_WORKERS.format(address=self.address)}'"
            ) from None
        except OSError as error:
            raise ClusterError(
                f"the scheduler at {self.address} has closed the connection at once ({type(error).__name__})"
            ) from None
        for address, number in threads.items():
            if number > 1:
                raise ClusterError(_too_many_threads(address, number))
        for address, about in abouts.items():
            if isinstance(about, OSError):
                continue  # it is shutting down, and the scheduler gives it no work
            if not isinstance(about, CodeVersion):
                raise ClusterError(
                    f"the worker {address} can't run raidstorm ({about}); install raidstorm[cluster] where it runs"
                )
            wrong = difference(about, code_version())
            if wrong:
                raise ClusterError(f"the worker {address} {wrong}")

    def threads(self) -> Mapping[str, int]:
        """Return the number of threads of each worker."""
        threads: Mapping[str, int] = self.client.nthreads()
        return threads

    def pool(self) -> ClusterPool:
        """Make the pool for one campaign; closing it leaves the connection open."""
        return ClusterPool(self, f"{self.client.id}-{next(self._numbers)}")

    def close(self) -> None:
        """End the connection; the workers stay."""
        self.client.close(timeout=CLOSE_SECONDS_MAX)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in SCHEMES and bool(parts.hostname and parts.port)
    except ValueError:
        is_one = False
    if not is_one:
        raise ClusterError(f"{address!r} is not a scheduler's address; write tcp://HOST:PORT")


class _Connection(Client):
    """A connection that is closed after it failed, since Python's own finalization would wait for it and log errors."""

    def start(self, **kwargs: Any) -> None:
        try:
            super().start(**kwargs)  # type: ignore[no-untyped-call]
        except BaseException:
            self.status = "closed"
            raise


def _connect(address: str) -> Client:
    made: Queue[Client | BaseException] = Queue()

    def make() -> None:
        try:
            connection = _Connection(address, timeout=CONNECT_SECONDS_MAX, set_as_default=False)  # type: ignore[no-untyped-call]
            made.put(connection)
        except BaseException as error:  # noqa: BLE001  # any error while connecting becomes one sentence
            made.put(error)

    # The call is in a thread, since a server that is no scheduler may never answer, and Dask waits for it.
    threading.Thread(target=make, name="cluster connect", daemon=True).start()
    try:
        connection = made.get(timeout=CONNECT_SECONDS_MAX + 2)
    except Empty:
        connection = TimeoutError()
    if isinstance(connection, BaseException):
        raise ClusterError(
            f"there is no Dask scheduler at {address}, or it doesn't answer within {CONNECT_SECONDS_MAX} s "
            f"({type(connection).__name__}); start one with 'dask scheduler', and give its address as it prints it"
        ) from None
    return connection


class _ImportedResult(Future[Any]):
    """The result of a job; its runs' files are written when the result is read, and so are counted then."""

    def __init__(self, receive: Callable[[RemoteResult], list[RunResult]]) -> None:
        super().__init__()
        self._receive = receive
        self._results: list[RunResult] | None = None

    def result(self, timeout: float | None = None) -> list[RunResult]:
        if self._results is None:
            self._results = self._receive(super().result(timeout))
        return self._results


class ClusterPool:
    """The workers of a cluster, whatever their number, during one campaign."""

    def __init__(self, cluster: Cluster, campaign: str) -> None:
        self.width = len(cluster.threads())
        self._cluster = cluster
        self._campaign = campaign
        # Equal arguments are different tasks, since a seed is run for its effect.
        self._executor = cluster.client.get_executor(pure=False)
        self._store: Store | None = None
        self._waiting: dict[_ImportedResult, Future[RemoteResult]] = {}
        self._messenger: threading.Thread | None = None
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._look, name="cluster watch", daemon=True)
        self._watch.start()

    def submit(self, function: TaskFunction, argument: Any) -> Future[Any]:
        """Submit a job; a cluster runs no other tasks."""
        assert function is run_job, "a cluster runs jobs only"
        assert isinstance(argument, Job), "a job is what run_job runs"
        spec = argument.spec
        assert spec.driver == "sim", "a cluster runs sim only"
        if self._store is None:
            self._store = Store(Path(spec.out))
        future = _ImportedResult(partial(self._receive, spec, self._store))
        remote_job = RemoteJob(argument, self._campaign, code_version(), self._store.full)
        if self._cluster.client.status != "running":
            future.set_exception(self._is_gone())
            return future
        away = self._executor.submit(_run, remote_job)
        self._waiting[future] = away
        away.add_done_callback(partial(self._settle, future))
        return future

    def _receive(self, spec: RunSpec, store: Store, remote_result: RemoteResult) -> list[RunResult]:
        return import_results(remote_result, spec, store)

    def _settle(self, future: _ImportedResult, away: Future[RemoteResult]) -> None:
        """Pass on, in Dask's thread, the result or error of a job that has ended."""
        self._waiting.pop(future, None)
        try:
            if away.cancelled():
                future.set_exception(self._is_gone())
            elif isinstance(away.exception(), KilledWorker):
                future.set_exception(TaskLostError(str(away.exception())))
            elif (error := away.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(away.result())
        except InvalidStateError:
            pass  # the watch has given the job up before: the cluster is gone

    def _is_gone(self) -> ClusterBrokenError:
        return ClusterBrokenError(f"the scheduler at {self._cluster.address} is gone")

    def _look(self) -> None:
        """Count the workers, in a thread of its own, and end the jobs when the cluster is gone."""
        ticks = 0
        while not self._closed.wait(WATCH_SECONDS):
            client = self._cluster.client
            try:
                workers = len(self._cluster.threads()) if client.status == "running" else -1
            except (OSError, RuntimeError, TimeoutError):
                workers = -1
            if self._closed.is_set():
                return
            self.width = max(workers, 1)
            ticks = 0 if workers else ticks + 1
            if workers < 0:
                self._give_up(self._is_gone())
            elif ticks * WATCH_SECONDS >= WITHOUT_WORKERS_SECONDS_MAX:
                self._give_up(
                    ClusterBrokenError(
                        f"the scheduler at {self._cluster.address} has had no worker for "
                        f"{WITHOUT_WORKERS_SECONDS_MAX} s"
                    )
                )

    def _give_up(self, error: ClusterBrokenError) -> None:
        for future in list(self._waiting):
            try:
                future.set_exception(error)
            except InvalidStateError:
                continue  # its result has arrived meanwhile

    def stop(self) -> None:
        """Ask the jobs in progress to end early, with the seeds they have run; those that haven't begun end at once."""
        if self._messenger is None and self._waiting:
            # The call is not awaited, since Dask may notice late that a worker is gone.
            self._messenger = threading.Thread(target=self._ask_workers, daemon=True)
            self._messenger.start()

    def _ask_workers(self) -> None:
        try:
            self._cluster.client.run(_stop, self._campaign, on_error="ignore")
        except (OSError, RuntimeError, TimeoutError):
            return  # no worker is left

    def reopen(self) -> None:
        """Do nothing: the scheduler takes care of its workers."""

    def close(self, *, now: bool) -> None:
        """Cancel the remaining jobs; the workers stay."""
        self._closed.set()
        for away in list(self._waiting.values()):
            away.cancel()
        if self._messenger is not None:
            self._messenger.join(CLOSE_SECONDS_MAX)
