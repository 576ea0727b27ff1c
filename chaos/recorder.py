"""Public: what a check is handed. Users' checks import from here; the code is in chaos/run/."""

from chaos.run.execution import Execution
from chaos.run.recorder import NOTHING, OUTSIDE_THREAD, Outside, Recorder

__all__ = ["NOTHING", "OUTSIDE_THREAD", "Execution", "Outside", "Recorder"]
