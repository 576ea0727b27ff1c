"""A run in Chrome's trace event format, for ui.perfetto.dev and chrome://tracing.

A step is shown as a millisecond, for most steps take no virtual time. The virtual time is among a slice's arguments.
Format: "Trace Event Format", docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from chaos.checkers import Finding
from chaos.run.execution import Execution
from chaos.run.messages import message_of
from chaos.showing.bands import Band, bands_of
from chaos.showing.landmarks import landmarks
from chaos.showing.lanes import IS_ANSWERED, Lane, asker_of, lanes_of
from chaos.showing.narrative import StepText, narrate
from chaos.showing.rebuild_curve import rebuild_curves
from chaos.showing.wording.bars import bar_label
from chaos.showing.wording.places import Places
from chaos.showing.wording.words import Words
from chaos.steps.history import Completed
from chaos.steps.schedule import Deliver, FinishIo, FireTimer, Kill, PowerLoss, Step
from workers.bdev.io import IoType

STEP_US = 1_000
# One process for each kind of lane; the nemesis shares the operator's.
PROCESSES = {"reactor": 1, "disk": 2, "host": 3, "operator": 4, "nemesis": 4}
PROCESS_NAMES = {1: "reactors", 2: "disks", 3: "hosts", 4: "operator and nemesis", 5: "array"}
ARRAY_PROCESS = 5
ARRAY_THREAD = 1
TraceEvent = dict[str, Any]


def perfetto_trace(
    execution: Execution, words: Words, findings: list[Finding], about: dict[str, Any]
) -> bytes:
    """Write the whole file; ``about`` is shown as the trace's metadata."""
    lanes = lanes_of(execution.plan, words.labels)
    places = {lane.key: (PROCESSES[lane.kind], number) for number, lane in enumerate(lanes, 1)} | {
        "ARRAY": (ARRAY_PROCESS, ARRAY_THREAD)
    }
    narrated = narrate(execution, words, findings)
    events = [
        *_names(lanes, places),
        *_slices(execution, narrated, places, words.places),
        *_flows(execution, narrated, places),
        *_bands(bands_of(execution), places),
        *_counter(execution),
        *_instants(execution, words, findings),
    ]
    return msgspec.json.encode({"displayTimeUnit": "ms", "otherData": about, "traceEvents": events})


def _names(lanes: list[Lane], places: dict[str, tuple[int, int]]) -> list[TraceEvent]:
    events: list[TraceEvent] = []
    for pid, name in PROCESS_NAMES.items():
        events.append(_meta("process_name", pid, 0, name=name))
        events.append(_meta("process_sort_index", pid, 0, sort_index=pid))
    for lane in lanes:
        pid, tid = places[lane.key]
        # Perfetto adds the thread's number; trace.log has the lane's key.
        events.append(_meta("thread_name", pid, tid, name=f"{lane.key} {lane.name}"))
        events.append(_meta("thread_sort_index", pid, tid, sort_index=tid))
    events.append(_meta("thread_name", ARRAY_PROCESS, ARRAY_THREAD, name="array"))
    return events


def _meta(kind: str, pid: int, tid: int, **args: Any) -> TraceEvent:
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "ts": 0, "args": args}


def _slices(
    execution: Execution,
    narrated: list[StepText],
    places: dict[str, tuple[int, int]],
    names: Places,
) -> list[TraceEvent]:
    """Return a slice for each lane that a step marks."""
    events: list[TraceEvent] = []
    clock_us = 0
    for one, note in zip(narrated, execution.notes, strict=True):
        if isinstance(one.step, FireTimer):
            clock_us = one.step.deadline_us
        args: dict[str, Any] = {"step": one.number, "what": one.words, "virtual_us": clock_us}
        if one.shown:
            args["shown"] = "\n".join(one.shown)
        for lane, mark in one.marks.items():
            pid, tid = places[lane]
            name = "answer" if mark == IS_ANSWERED else _short(one.step, note, names)
            events.append(
                {
                    "ph": "X",
                    "name": name,
                    "cat": "step",
                    "pid": pid,
                    "tid": tid,
                    "ts": one.number * STEP_US,
                    "dur": STEP_US,
                    "args": args,
                }
            )
    return events


def _short(step: Step, note: str, names: Places) -> str:
    match step:
        case Deliver():
            return note or "message"
        case FinishIo():
            return f"disk{step.disk} {IoType(step.io_type).name.lower()}{' FAILS' if note else ''}"
        case FireTimer():
            return "timer"
        case _ if asker_of(step):
            return bar_label(step, names)  # type: ignore[arg-type]
        case _:
            return str(getattr(step, "fault", None) or type(step).__name__.lower())


def _flows(
    execution: Execution, narrated: list[StepText], places: dict[str, tuple[int, int]]
) -> list[TraceEvent]:
    """Return arrows from a request to the step that handles it, on to the step that answers it, and back to its lane.

    Messages of one sender to one receiver keep their order, so the first of them is handled first.
    """
    answers = {
        entry.op: entry.number for entry in execution.history if isinstance(entry, Completed)
    }
    under_way: dict[tuple[int, int], deque[tuple[StepText, int]]] = {}
    events: list[TraceEvent] = []
    for one in narrated:
        step = one.step
        if isinstance(step, (Kill, PowerLoss)):
            under_way.clear()
        elif isinstance(step, Deliver):
            waiting = under_way.get((step.sender, step.receiver))
            if waiting:
                asked, op = waiting.popleft()
                path = [_place_of(asked), _place_of(one)]
                answer = answers.get(op, 0)
                if answer >= one.number:
                    ended = narrated[answer - 1]
                    if ended is not one:
                        path.append(_place_of(ended))
                    if ended.marks.get(path[0][1]) == IS_ANSWERED:
                        path.append((ended.number, path[0][1]))
                events += _flow(op, path, places)
        elif not isinstance(step, FinishIo | FireTimer):
            message = message_of(step, execution.plan.layout)
            if message is not None:
                key = (message.sender, message.receiver)
                under_way.setdefault(key, deque()).append((one, message.token))
    return events


def _place_of(one: StepText) -> tuple[int, str]:
    """Return a step with the lane that acts in it."""
    return one.number, next(iter(one.marks))


def _flow(
    op: int, path: list[tuple[int, str]], places: dict[str, tuple[int, int]]
) -> list[TraceEvent]:
    events: list[TraceEvent] = []
    for index, (number, lane) in enumerate(path):
        pid, tid = places[lane]
        last = index == len(path) - 1
        event: TraceEvent = {
            "ph": "s" if index == 0 else "f" if last else "t",
            "name": f"op {op}",
            "cat": "request",
            "id": op,
            "pid": pid,
            "tid": tid,
            # Each arrow begins inside its slice and after the end of the one before, since both may be in one step.
            "ts": number * STEP_US + 100 * (index + 1),
        }
        if last:
            event["bp"] = "e"
        events.append(event)
    return events


def _bands(bands: list[Band], places: dict[str, tuple[int, int]]) -> list[TraceEvent]:
    events: list[TraceEvent] = []
    for number, band in enumerate(bands, 1):
        pid, tid = places[band.lane]
        both = {
            "name": f"{band.lane} {band.what}",
            "cat": band.kind,
            "id": f"band{number}",
            "pid": pid,
            "tid": tid,
        }
        events.append({"ph": "b", "ts": band.begin * STEP_US, **both})
        events.append({"ph": "e", "ts": max(band.end, band.begin + 1) * STEP_US, **both})
    return events


def _counter(execution: Execution) -> list[TraceEvent]:
    events: list[TraceEvent] = []

    def show(number: int, offset: int) -> None:
        events.append(
            {
                "ph": "C",
                "name": "rebuild offset (blocks)",
                "pid": ARRAY_PROCESS,
                "ts": number * STEP_US,
                "args": {"blocks": offset},
            }
        )

    show(0, 0)
    for curve in rebuild_curves(execution).curves:
        for number, offset in curve.points:
            show(number, offset)
        show(curve.end + 1, 0)
    return sorted(events, key=lambda event: int(event["ts"]))


def _instants(execution: Execution, words: Words, findings: list[Finding]) -> list[TraceEvent]:
    return [
        {
            "ph": "i",
            "s": "g",  # a line through all lanes
            "name": f"{landmark.kind}: {landmark.words}"[:200],
            "cat": landmark.kind,
            "pid": ARRAY_PROCESS,
            "tid": ARRAY_THREAD,
            "ts": landmark.step * STEP_US,
            "args": {"step": landmark.step, "what": landmark.words},
        }
        for landmark in landmarks(execution, words, findings)
        if landmark.kind not in ("array", "rebuild")
    ]
