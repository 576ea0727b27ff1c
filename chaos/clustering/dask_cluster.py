"""Jobs over the workers of a Dask scheduler: ``--cluster tcp://...``.

Dask's workers are processes somewhere, which come and go; one that dies costs nothing, because the scheduler gives its
tasks to the others. Needs the extra ``cluster``; nothing else imports this module at its top.
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


# On a worker.


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
        f"the worker {address} has {threads} threads, and one is all that a run can use; start it with "
        "--nthreads 1, and more of them with --nworkers"
    )


# At home.


class Cluster:
    """A connection to a scheduler whose workers have been looked at; opens a pool for each campaign."""

    def __init__(self, address: str) -> None:
        self.address = address
        _check_address(address)
        # What it would log is said in a sentence, or doesn't concern the user.
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
                f"the scheduler at {self.address} went away at once ({type(error).__name__})"
            ) from None
        for address, number in threads.items():
            if number > 1:
                raise ClusterError(_too_many_threads(address, number))
        for address, about in abouts.items():
            if isinstance(about, OSError):
                continue  # it ends; the scheduler gives it no work
            if not isinstance(about, CodeVersion):
                raise ClusterError(
                    f"the worker {address} can't run raidstorm ({about}); install raidstorm[cluster] where it runs"
                )
            wrong = difference(about, code_version())
            if wrong:
                raise ClusterError(f"the worker {address} {wrong}")

    def threads(self) -> Mapping[str, int]:
        """How many threads each worker has."""
        threads: Mapping[str, int] = self.client.nthreads()
        return threads

    def pool(self) -> ClusterPool:
        """For one campaign; it closes the pool, and the connection stays."""
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
    """One that failed is closed: Python's own tidying up would wait for it, and complain."""

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
        except BaseException as error:  # noqa: BLE001  # whatever keeps it from being made
            made.put(error)

    # In a thread, because a server that is no scheduler may keep silent, and Dask waits for it.
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


class _Homecoming(Future[Any]):
    """What comes of a job; what its runs have left is written when somebody asks for the result, and so counts it."""

    def __init__(self, receive: Callable[[RemoteResult], list[RunResult]]) -> None:
        super().__init__()
        self._receive = receive
        self._results: list[RunResult] | None = None

    def result(self, timeout: float | None = None) -> list[RunResult]:
        if self._results is None:
            self._results = self._receive(super().result(timeout))
        return self._results


class ClusterPool:
    """The workers of a cluster, as many as there are, while one campaign goes on."""

    def __init__(self, cluster: Cluster, campaign: str) -> None:
        self.width = len(cluster.threads())
        self._cluster = cluster
        self._campaign = campaign
        # Seeds have no other purpose than to be run: equal arguments are not the same task.
        self._executor = cluster.client.get_executor(pure=False)
        self._store: Store | None = None
        self._waiting: dict[_Homecoming, Future[RemoteResult]] = {}
        self._messenger: threading.Thread | None = None
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._look, name="cluster watch", daemon=True)
        self._watch.start()

    def submit(self, function: TaskFunction, argument: Any) -> Future[Any]:
        """Hand over a job; other tasks have no business here."""
        assert function is run_job, "a cluster runs jobs only"
        assert isinstance(argument, Job), "a job is what run_job runs"
        spec = argument.spec
        assert spec.driver == "sim", "a cluster runs sim only"
        if self._store is None:
            self._store = Store(Path(spec.out))
        future = _Homecoming(partial(self._receive, spec, self._store))
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

    def _settle(self, future: _Homecoming, away: Future[RemoteResult]) -> None:
        """In Dask's thread: an remote_job is over, well or otherwise."""
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
            pass  # the watch was quicker: the cluster is gone

    def _is_gone(self) -> ClusterBrokenError:
        return ClusterBrokenError(f"the scheduler at {self._cluster.address} has gone away")

    def _look(self) -> None:
        """In a thread of its own: how many workers there are, and whether anybody is there at all."""
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
                continue  # it has come home after all

    def stop(self) -> None:
        """Ask the jobs under way to end early, with the seeds they have run; those that haven't begun end at once."""
        if self._messenger is None and self._waiting:
            # Not waited for: a worker that is gone may take long to be missed.
            self._messenger = threading.Thread(target=self._tell_workers, daemon=True)
            self._messenger.start()

    def _tell_workers(self) -> None:
        try:
            self._cluster.client.run(_stop, self._campaign, on_error="ignore")
        except (OSError, RuntimeError, TimeoutError):
            return  # nobody is there to be told

    def reopen(self) -> None:
        """The scheduler sees to its workers."""

    def close(self, *, now: bool) -> None:
        """Give up what is not wanted any more; the workers stay."""
        self._closed.set()
        for away in list(self._waiting.values()):
            away.cancel()
        if self._messenger is not None:
            self._messenger.join(CLOSE_SECONDS_MAX)
