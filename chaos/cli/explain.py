"""``raidstorm explain``: how a run fails, in sentences."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chaos.base.interrupt import Interrupt
from chaos.cli.minimizing import Ready, folder_of, make_ready, make_small, replay_line
from chaos.cli.parameters import INTERRUPTED, Catalog
from chaos.cli.screen import Screen, print_json
from chaos.explaining.explain import Explanation, belongs, explain
from chaos.explaining.text import lines_of
from chaos.shrinking.files import MINIMAL
from chaos.store.capsule import Capsule, CapsuleError, read_capsule

TEXT_NAME = "explain.txt"
JSON_NAME = "explain.json"


class ExplainArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    target: str
    budget: float  # seconds of processor time
    continuations: int
    allow_code: bool = False
    out: str | None = None
    output: str = "text"


def run(catalog: Catalog, arguments: ExplainArguments) -> int:
    """Explain the target, print and write the sentences, and return 0 when that is done."""
    interrupt = Interrupt()
    screen = Screen(output=arguments.output)
    explanation, lines = execute(catalog, arguments, screen, interrupt)
    if arguments.output == "json":
        print_json(explanation)
    for line in lines:
        screen.say(line)
    return 0 if explanation.is_whole else INTERRUPTED


def execute(
    catalog: Catalog, arguments: ExplainArguments, screen: Screen, interrupt: Interrupt
) -> tuple[Explanation, list[str]]:
    """Return the explanation of the smallest run, and its lines; its files are written."""
    target = arguments.target
    ready = make_ready(catalog, target, allow_code=arguments.allow_code)
    folder = folder_of(target, arguments.out)
    interrupt.install()
    minimal = _minimal(ready, target, folder, screen)
    if minimal is None:
        shrunk = make_small(ready, folder, arguments.budget, interrupt, screen)
        minimal = shrunk.minimal.capsule
    with screen.progress("observing the run") as bar:
        explanation = explain(
            minimal, ready.checks, arguments.continuations, interrupt, bar.describe
        )
    is_itself = ready.is_recording and minimal is ready.capsule
    replay = replay_line(Path(target) if is_itself else folder / MINIMAL, minimal)
    lines = lines_of(explanation, replay)
    _write(folder, explanation, lines)
    return explanation, lines


def _minimal(ready: Ready, target: str, folder: Path, screen: Screen) -> Capsule | None:
    """Return the failure as it was shrunk before; None where it wasn't."""
    capsule = ready.capsule
    if capsule.script is not None and capsule.schedule is not None:
        return capsule
    path = folder / MINIMAL
    if ready.is_recording and path.exists():
        try:
            minimal = read_capsule(path)
        except CapsuleError as error:
            screen.say(f"{error}; the run is shrunk again")
            return None
        if belongs(minimal, capsule):
            return minimal
        screen.say(f"{path} belongs to another failure; the run is shrunk again")
        return None
    screen.say(f"{target} has not been shrunk yet; it is shrunk first")
    return None


def _write(folder: Path, explanation: Explanation, lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    data = msgspec.json.format(msgspec.json.encode(explanation), indent=1)
    try:
        (folder / TEXT_NAME).write_text(text)
        (folder / JSON_NAME).write_bytes(data + b"\n")
    except OSError as error:
        raise CapsuleError(f"{folder} can't be written: {error.strerror}") from None
