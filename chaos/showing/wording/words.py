"""All texts of one run, with its labels and in one style."""

from __future__ import annotations

from chaos.plan.plan import Plan
from chaos.run.execution import Execution
from chaos.showing.labels import Labels
from chaos.showing.wording.events import EventTexts
from chaos.showing.wording.phrases import status_of
from chaos.showing.wording.places import Places, owners_of
from chaos.showing.wording.steps import StepWords, Style
from chaos.steps.history import Completed
from chaos.steps.schedule import ENGINE_STEPS, EngineStep, OutsideStep, Step
from workers.protocol import Event


def exact_words(execution: Execution, labels: Labels) -> Words:
    """Return the words for a run in full: with labels, and with the names to search for in a log."""
    return Words(execution.plan, labels, Style.EXACT, owners_of(execution.history))


class Words:
    """Words for the steps and events of a run; ``owners``: the host of each connection."""

    def __init__(
        self,
        plan: Plan,
        labels: Labels | None = None,
        style: Style = Style.PLAIN,
        owners: dict[int, int] | None = None,
    ) -> None:
        self.places = Places(plan, labels, owners)
        self._steps = StepWords(self.places, style)
        self._events = EventTexts(self.places, style)

    @property
    def labels(self) -> Labels:
        """Return the labels that it names hosts and disks with."""
        assert self.places.labels is not None, "exact words have labels"
        return self.places.labels

    def step(self, step: Step, note: str = "", serves: str = "") -> str:
        """Write any step."""
        if isinstance(step, ENGINE_STEPS):
            return self._steps.engine(step, note, serves)
        return self._steps.outside(step)

    def engine(self, step: EngineStep, note: str = "", serves: str = "") -> str:
        """Write a step of the target."""
        return self._steps.engine(step, note, serves)

    def outside(self, step: OutsideStep) -> str:
        """Write a step of a host, the operator or the nemesis."""
        return self._steps.outside(step)

    def event(self, event: Event) -> str:
        """Write an event of the engine."""
        return self._events.event(event)

    def answer(self, entry: Completed) -> str:
        """Write an answer; the answer to a read with the ops whose data it has."""
        if entry.status:
            return f"op {entry.op} is answered: {status_of(entry.status)}"
        if entry.values:
            return f"op {entry.op} is answered: success, with the data of ops {entry.values} (0: never written)"
        return f"op {entry.op} is answered: success"
