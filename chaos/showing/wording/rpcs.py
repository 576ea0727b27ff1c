"""The RPCs of a run as sentences, and as calls with named arguments."""

from __future__ import annotations

from itertools import groupby

from chaos.plan.arguments import Argument
from chaos.plan.rpcs import RPCS
from chaos.showing.wording.arguments import argument_text
from chaos.showing.wording.places import Places, disk_name
from chaos.steps.schedule import Operate

BDEVS = (Argument.BDEV, Argument.STACKED_BDEV)


class RpcTexts:
    """Texts for the RPCs of one run."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def call(self, step: Operate, *, with_handle: bool) -> str:
        """Write an RPC as a sentence; ``with_handle`` adds the call with its arguments."""
        row = RPCS.get(step.method)
        call = f"{step.method}({', '.join(self._named(step))})"
        if row is None or not row.arity[0] <= len(step.args) <= row.arity[1]:
            return f"the operator calls {call}"
        values = {kind.value: text for kind, text in self.values(step)}
        text = row.words.format_map(values)
        return f"{text}: {call}" if with_handle else text

    def values(self, step: Operate) -> list[tuple[Argument, str]]:
        """Return the arguments with their kinds, as text; an unknown RPC has none, and surplus arguments are left out."""
        row = RPCS.get(step.method)
        if row is None:
            return []
        kinds = row.kinds(len(step.args))
        return [
            (kind, self._value(kind, value)) for kind, value in zip(kinds, step.args, strict=False)
        ]

    def _named(self, step: Operate) -> list[str]:
        """Write each argument as name=value, and those of a repeated kind as a list; unknown ones stay numbers."""
        values = self.values(step)
        row = RPCS.get(step.method)
        shown = []
        for kind, group in groupby(values, key=lambda one: one[0]):
            texts = [text for _, text in group]
            is_list = row is not None and kind is row.repeated
            shown.append(f"{kind}s=[{', '.join(texts)}]" if is_list else f"{kind}={texts[0]}")
        return shown + [str(value) for value in step.args[len(values) :]]

    def _value(self, kind: Argument, value: int) -> str:
        if kind in BDEVS:
            return self.places.bdev(value)
        return disk_name(value) if kind is Argument.DISK else argument_text(kind, value)
