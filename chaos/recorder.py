"""Public: what a check is handed. Users' checks import from here; the code is in chaos/run/."""

from chaos.run.execution import Execution

__all__ = ["Execution"]
