"""Metrics of a soak for Prometheus, by Prometheus's client library; each request computes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chaos.soak.state import SoakError, SoakState


class Metrics:
    """Serves them on one address until it is closed."""

    def __init__(self, address: str, state: SoakState) -> None:
        host, _, port = address.rpartition(":")
        registry = CollectorRegistry()
        registry.register(_Collector(state))
        try:
            self._server, self._thread = start_http_server(int(port), host, registry)
        except (OSError, ValueError, OverflowError) as error:
            raise SoakError(
                f"--metrics {address} can't be served ({error}); give an address of this machine and a free "
                "port, such as 127.0.0.1:9464"
            ) from None

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Collector(Collector):
    def __init__(self, state: SoakState) -> None:
        self.state = state

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        state = self.state
        runs = CounterMetricFamily("raidstorm_runs", "runs that count", labels=["lane"])
        failed = CounterMetricFamily("raidstorm_failed_runs", "runs that failed", labels=["lane"])
        steps = CounterMetricFamily("raidstorm_steps", "steps of runs", labels=["lane"])
        for lane in list(state.lanes):
            runs.add_metric([lane.name], lane.runs)
            failed.add_metric([lane.name], lane.failed)
            steps.add_metric([lane.name], lane.steps)
        yield from (runs, failed, steps)
        seen = CounterMetricFamily(
            "raidstorm_failures", "failing runs by signature", labels=["signature", "code"]
        )
        for group in list(state.groups.values()):
            seen.add_metric([group.signature, str(group.code)], group.count)
        yield seen
        known = CounterMetricFamily(
            "raidstorm_known_failures", "runs with a known failure", labels=["title"]
        )
        for title, one in list(state.known.items()):
            known.add_metric([title], one.count)
        yield known
        canaries = CounterMetricFamily(
            "raidstorm_canaries", "canaries, caught and missed", labels=["outcome"]
        )
        canaries.add_metric(["caught"], sum(one.caught for one in state.canaries))
        canaries.add_metric(["missed"], sum(one.missed for one in state.canaries))
        yield canaries
        exposure = CounterMetricFamily(
            "raidstorm_reached", "named states and events", labels=["name"]
        )
        for name, count in list(state.reach.items()):
            exposure.add_metric([name], count)
        yield exposure
        gauges: tuple[tuple[str, str, Callable[[], float]], ...] = (
            ("raidstorm_soak_seconds", "how long the soak has run", lambda: state.seconds),
            ("raidstorm_jobs_busy_ratio", "share of the time at work", lambda: state.busy),
            (
                "raidstorm_disk_bytes",
                "size of the soak's directory",
                lambda: state.drift[-1].disk_bytes if state.drift else 0,
            ),
            ("raidstorm_jobs_lost", "job processes killed from outside", lambda: state.lost),
        )
        for name, about, value in gauges:
            yield GaugeMetricFamily(name, about, value=value())
