"""Which tests stay together when several processes share them, as two do in ``make test``.

A module's tests stay together: what is made for all of them is made once. xdist's own groups would be marks, but its
release 3.8 has no effect with them under pytest 9.2; its hook for a scheduler has.
"""

from pathlib import PurePath

import pytest
from hypothesis import settings

# How long an example takes says what else the machine does.
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")

# They start reactors, stop and kill them, and look at what is left: never two of these modules at once.
WITH_PROCESSES = (
    *("test_processes", "test_realtime", "test_soak", "test_crash", "test_drivers"),
    *("test_own_defects", "test_cluster", "test_vote"),
)
# Long, and each test for itself: they go to whoever is free.
SPREAD = "test_checks_bite", "test_corpus", "test_mutants", "test_score_command", "test_shrink"


def unit_of(nodeid: str) -> str:
    """What a test is handed out with."""
    path = nodeid.partition("::")[0]
    module = PurePath(path).stem
    if module in SPREAD:
        return nodeid
    return "with processes" if module in WITH_PROCESSES else path


def pytest_collection_modifyitems(items):
    """The longest unit first, so that nobody waits for it in the end."""
    items.sort(key=lambda item: unit_of(item.nodeid) != "with processes")


@pytest.hookimpl(optionalhook=True)  # pytest may run without xdist
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    config.option.loadscopereorder = False
    return Units(config, log)
