"""``raidstorm state``: the engine's state at a step of a recorded run."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from chaos.checkers import Verdict
from chaos.cli.parameters import Catalog
from chaos.cli.screen import Screen
from chaos.cli.targets import recorded
from chaos.drivers.make import Stepped, stepped_driver
from chaos.drivers.sim import SimDriver
from chaos.run.controller import Controller, DivergenceError
from chaos.showing.rpc_state import engine_state


class StateArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    target: str
    step: int | None = None
    allow_code: bool = False


def run(catalog: Catalog, arguments: StateArguments) -> int:
    """Print the state as JSON, and return the exit code."""
    try:
        text = execute(catalog, arguments)
    except DivergenceError as error:
        Screen().say(f"the recorded steps no longer apply: {error}", "red")
        return int(Verdict.NOT_EXERCISED)
    click.echo(text)
    return 0


def execute(catalog: Catalog, arguments: StateArguments) -> bytes:
    """Replay up to the step, and return the state there; raises DivergenceError."""
    target, step = arguments.target, arguments.step
    capsule = recorded(catalog, target, allow_code=arguments.allow_code)
    schedule = capsule.schedule or []
    if step is not None and step > len(schedule):
        raise click.UsageError(f"{target} has {len(schedule)} steps; --at {step} is beyond its end")
    driver = stepped_driver(capsule.plan.target)
    controller = Controller(capsule.plan, driver, capsule.defect_sources())
    controller.replay(schedule[:step])
    return msgspec.json.format(msgspec.json.encode(_state_of(driver)), indent=2)


def _state_of(driver: Stepped) -> dict[str, Any]:
    """Return the replies of the engine, or the newest ones that a target in C has reported."""
    return engine_state(driver) if isinstance(driver, SimDriver) else driver.replies
