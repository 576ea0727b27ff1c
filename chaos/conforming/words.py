"""Operations, answers and states of scenarios in words."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from chaos.conforming.compare import Parting
from chaos.conforming.scenario import BaseBdev, Operation, State, Status, Step


def operation_words(operation: Operation) -> str:
    """Return an operation in short: ``create superblock disks 0 1``."""
    name, *args = operation
    if name == "both":
        return " and ".join(operation_words(one) for one in args) + " at once"
    words = [name]
    for value in args:
        if isinstance(value, bool):
            words += ["with superblock" if name == "create" else "clearing superblocks"] * value
        elif isinstance(value, list):
            words.append(" ".join(map(str, value)))
        elif isinstance(value, dict):
            words += [f"{key} {value}" for key, value in value.items()]
        else:
            words.append(str(value))
    return " ".join(words)


def answer_words(step: Step) -> str:
    """Return the answers to a step, and the state after it."""
    words = []
    if step.code is not UNSET:
        words.append(f"code {step.code}")
    if isinstance(step.status, Status):
        retry = ", do not retry" if step.status.dnr else ""
        words.append(f"status {step.status.sct:#x}/{step.status.sc:#04x}{retry}")
    if step.data is not UNSET:
        words.append(f"data {step.data!r}")
    if step.members is not UNSET:
        words.append(f"members {step.members}")
    if isinstance(step.state, State):
        words.append(state_words(step.state))
    return "; ".join(words)


def state_words(state: State) -> str:
    """Return a state in short."""
    namespaces = ""
    if isinstance(state.namespaces, list):
        namespaces = f"; namespaces {' '.join(map(str, state.namespaces)) or 'none'}"
    if not isinstance(state.base_bdevs_list, list):
        return f"no array{namespaces}"
    slots = " ".join(_slot(slot) for slot in state.base_bdevs_list)
    rebuild = f"; rebuild of {state.process_target}" if state.process_target else ""
    return (
        f"{state.state} {state.num_base_bdevs_discovered}/{state.num_base_bdevs_operational} of "
        f"{state.num_base_bdevs}: {slots}{rebuild}{namespaces}"
    )


def _slot(slot: BaseBdev) -> str:
    text = slot.name or "-"
    if slot.uuid != slot.name:
        text += f"(UUID of {slot.uuid})" if slot.uuid else "(no UUID)" if slot.name else ""
    return text if slot.is_configured or slot.name is None else f"{text}(absent)"


def parting_lines(parting: Parting, ours: str) -> list[str]:
    """Return the lines about a step whose answers differ; ``ours`` names the side that isn't SPDK."""
    if parting.spdk_is_wrong:
        lines = [f"SPDK is wrong: {parting.spdk_is_wrong}"]
        lines += [f"SPDK: {answer_words(parting.step)}"]
        lines += [f"{ours}: {answer_words(parting.got)}"]
    else:
        lines = [
            f"{one.place}: SPDK {value_words(one.spdk)}, {ours} {value_words(one.ours)}"
            for one in parting.differences
        ]
    return lines + [parting.sentence] * bool(parting.sentence)


def value_words(value: Any) -> str:
    """Return a value of a comparison."""
    if isinstance(value, dict):
        return " ".join(f"{key}={value_words(one)}" for key, one in value.items())
    return "none" if value is None else str(value)
