"""What ``--cluster`` opens."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from chaos.clustering.remote_job import ClusterError

if TYPE_CHECKING:
    from chaos.clustering.dask_cluster import Cluster


def open_cluster(
    address: str | None, drivers: Iterable[str]
) -> AbstractContextManager[Cluster | None]:
    """Open the cluster at an address, for campaigns with these drivers; None without an address.

    Each campaign then runs over ``cluster.pool()``.
    """
    if address is None:
        return nullcontext()
    others = sorted(set(drivers) - {"sim"})
    if others:
        raise click.UsageError(
            f"--cluster is for the driver sim, and this would run {' and '.join(others)}, whose reactors are "
            "processes of this machine; run it without --cluster"
        )
    try:
        from chaos.clustering.dask_cluster import Cluster
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("dask", "distributed"):
            raise
        raise ClusterError(
            "--cluster needs Dask, which is not installed; pip install 'raidstorm[cluster]'"
        ) from None
    return Cluster(address)
