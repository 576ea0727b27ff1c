"""Settings of all tests: their distribution among processes, and no bound by clock for examples."""

from hypothesis import settings

from tests.units import (  # noqa: F401  # hooks of pytest
    pytest_collection_modifyitems,
    pytest_configure_node,
    pytest_xdist_make_scheduler,
)

# The duration of an example depends on the other work of the machine.
settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")
