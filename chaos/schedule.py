"""Public: the steps of a run. Users' checks and tests import from here; the code is in chaos/steps/."""

from chaos.steps.schedule import *  # noqa: F403  # its __all__ is the public list
from chaos.steps.schedule import __all__ as __all__
