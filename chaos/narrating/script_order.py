"""The order that a script fixes: which steps of its run are choices off the default order."""

from __future__ import annotations

import msgspec

from chaos.drivers.make import stepped_driver
from chaos.narrating.close_look import Moment
from chaos.run.execution import Execution
from chaos.scripts.player import Player, twin
from chaos.steps.schedule import ENGINE_STEPS, ORDER, Item, Late, Rest
from workers.protocol import DefectSource


class ScriptOrder(msgspec.Struct, frozen=True):
    """The items of a script, and the number of each item's step."""

    items: list[Item]
    numbers: list[int]

    def held(self, moments: list[Moment]) -> set[int]:
        """Return engine steps whose place the script names, or that come late."""
        found = set()
        for item, number in zip(self.items, self.numbers, strict=True):
            if isinstance(item, ENGINE_STEPS):
                found.add(number)
            elif isinstance(item, Late):
                key = twin(item.step)
                like = [
                    moment.number
                    for moment in moments[max(0, number - 1) :]
                    if isinstance(moment.step, ENGINE_STEPS) and twin(moment.step) == key
                ]
                found.update(like[item.skip : item.skip + 1])
        return found

    def early(self) -> set[int]:
        """Return the steps of hosts, operator and nemesis that don't wait until the target is at rest."""
        found = set()
        before: Item = Rest()
        for item, number in zip(self.items, self.numbers, strict=True):
            if isinstance(item, Late):
                continue
            is_rest = isinstance(before, Rest) and not before.steps
            if not isinstance(item, ORDER) and not is_rest:
                found.add(number)
            before = item
        return found


WITHOUT_SCRIPT = ScriptOrder(
    [], []
)  # a run as it was explored: each step is a choice, so none is worth a phrase


def order_of(
    execution: Execution,
    script: list[Item],
    defects: tuple[DefectSource, ...],
    *,
    to_the_end: bool,
) -> ScriptOrder | None:
    """Play a script to find the step of each of its items; return None where it leads to another run than this."""
    player = Player(execution.plan, stepped_driver(execution.plan.target), defects)
    played = player.play(script, to_the_end=to_the_end)
    schedule = execution.schedule
    is_this = played.execution.schedule[: len(schedule)] == schedule
    return ScriptOrder(script, played.numbers) if is_this else None
