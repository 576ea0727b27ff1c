"""What holds for all tests: how they are shared among processes, and that no example is measured by the clock."""

from hypothesis import settings

from tests.units import (  # noqa: F401  # hooks of pytest
    pytest_collection_modifyitems,
    pytest_configure_node,
    pytest_xdist_make_scheduler,
)

# How long an example takes says what else the machine does.
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")
