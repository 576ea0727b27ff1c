"""Judged cases, one module for each module of ``chaos/checkers``: executions, with the exact text of their findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import msgspec

from chaos.checkers.finding import Finding
from chaos.plan.target_id import TargetId
from chaos.run.execution import Execution

Say = Callable[[Finding], list[str]]


@dataclass(frozen=True)
class Case:
    """``ask`` gets the check's module, or a mutant of it, and returns the findings as text."""

    name: str
    ask: Callable[[ModuleType], list[str]]
    expected: list[str]


def judged(
    function: str, name: str, execution: Execution, *expected: str, say: Say | None = None
) -> Case:
    """Make a case of an execution and its findings' text; ``say`` may write less than all of it."""

    def ask(module: ModuleType) -> list[str]:
        findings = getattr(module, function)(execution)
        return [line for finding in findings for line in (say or tell)(finding)]

    return Case(name, ask, list(expected))


def of_target(execution: Execution) -> Execution:
    """Return the same run of a target in C."""
    target = TargetId(kind="target", path="x.so", name="x", version="1")
    execution.plan = msgspec.structs.replace(execution.plan, target=target)
    return execution


def tell(finding: Finding) -> list[str]:
    """Write all parts of a finding, in lines."""
    ops = " ".join(map(str, finding.ops)) or "none"
    where = ""
    if finding.blocks is not None:
        where = f", blocks {finding.blocks[0]}-{finding.blocks[1]}, disk {finding.disk}"
    head = f"{finding.verdict.name} {finding.signature}, ops {ops}{where}"
    lines = [head, f"{finding.step}: {finding.summary}"]
    lines += [f"  {event.step}: {event.says}" for event in finding.events]
    return lines + [f"  {wait}" for wait in finding.waits]


def tell_briefly(finding: Finding) -> list[str]:
    """Write place and summary of a finding, and the steps of its evidence, in one line."""
    assert finding.blocks is not None, "a finding of the register check has blocks"
    first, last = finding.blocks
    ops = " ".join(map(str, finding.ops))
    steps = " ".join(str(event.step) for event in finding.events)
    return [f"{finding.kind} {first}-{last}, ops {ops}, steps {steps}"]
