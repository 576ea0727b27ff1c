"""The units in which tests are handed to the processes that share them, as two do in ``make test``.

Markers say which unit a test belongs to. Those with ``processes`` run one after the other in one place: they start
reactors, stop and kill them, and look at what is left. Each with ``slow`` is a unit of its own, for the next process that
is free. All other tests of a module stay together, for what the module's fixtures make is made once.

xdist asks for a test's unit where nothing has been collected, and has only its id. So the processes that have collected
the tests write down the units: each of them the same file. xdist's own groups have no effect under pytest 9.2.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

PROCESSES = "processes"
SLOW = "slow"
UNITS_FILE = pytest.StashKey[Path]()


def unit_of(item: pytest.Item) -> str:
    """The unit a test is handed out with."""
    if item.get_closest_marker(PROCESSES):
        return PROCESSES
    if item.get_closest_marker(SLOW):
        return item.nodeid
    return item.nodeid.partition("::")[0]


def rank_of(item: pytest.Item) -> int:
    """Long units come first, so that no process waits for the end of one that was begun last."""
    return 0 if item.get_closest_marker(PROCESSES) else 1 if item.get_closest_marker(SLOW) else 2


def pytest_collection_modifyitems(config, items):
    items.sort(key=rank_of)
    path = getattr(config, "workerinput", {}).get("units_file")
    if path is not None:
        write_whole(Path(path), json.dumps({item.nodeid: unit_of(item) for item in items}))


def write_whole(path: Path, text: str) -> None:
    """Several processes write the same text at once; a reader finds all of it."""
    own = path.with_name(f"{path.name}.{os.getpid()}")
    own.write_text(text)
    own.replace(path)


@pytest.hookimpl(optionalhook=True)  # pytest may run without xdist
def pytest_configure_node(node):
    node.workerinput["units_file"] = str(units_file(node.config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        _units: dict[str, str] | None = None

        def _split_scope(self, nodeid: str) -> str:
            if self._units is None:
                self._units = json.loads(units_file(config).read_text())
            return self._units[nodeid]

    config.option.loadscopereorder = False
    return Units(config, log)


def units_file(config: pytest.Config) -> Path:
    """The file of this test run."""
    if UNITS_FILE not in config.stash:
        folder = tempfile.TemporaryDirectory(prefix="units-of-tests-")
        config.add_cleanup(folder.cleanup)
        config.stash[UNITS_FILE] = Path(folder.name) / "units.json"
    return config.stash[UNITS_FILE]
