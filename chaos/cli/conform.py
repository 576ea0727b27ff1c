"""``raidstorm conform``: recorded answers of a real SPDK, compared with the engine or with SPDK's own code."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import Interrupt, InterruptedRunError
from chaos.checkers import Verdict as Code
from chaos.cli.conform_results import ScenariosCompared, SuperblocksCompared
from chaos.cli.parameters import Loudness, named_target
from chaos.cli.screen import Screen, print_json
from chaos.conforming.scenario import read_bytes, read_recording
from chaos.conforming.superblocks import has_cases, read_cases
from workers.defects.loader import compose, read_defect
from workers.protocol import DefectSource

Compared = ScenariosCompared | SuperblocksCompared


class ConformArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    files: tuple[Path, ...]
    defects: tuple[str, ...] = ()
    output: str = "text"
    loudness: Loudness = Loudness.NORMAL


def run(arguments: ConformArguments) -> int:
    """Compare all files, print the results, and return the exit code."""
    screen = Screen(arguments.loudness, output=arguments.output)
    if arguments.defects and named_target() is not None:
        raise click.UsageError("--defect is for the engine; leave it out with --spdk")
    defects = tuple(read_defect(name) for name in arguments.defects)
    compose(
        defects
    )  # so that a file that can't be used is a mistake of the user's, before anything is played
    results = [_opened(file, defects) for file in arguments.files]
    interrupt = Interrupt()
    interrupt.install()
    try:
        for compared in results:
            compared.compare(screen, interrupt)
    except InterruptedRunError:
        pass
    if arguments.output == "json":
        print_json([compared.readable() for compared in results])
    else:
        for compared in results:
            compared.show(screen)
    if interrupt.requested:
        raise InterruptedRunError
    return int(Code.INVALID if any(compared.is_red for compared in results) else Code.VALID)


def _opened(file: Path, defects: tuple[DefectSource, ...]) -> Compared:
    data = read_bytes(file)
    if has_cases(data):
        return SuperblocksCompared(file, read_cases(data, file))
    return ScenariosCompared(file, read_recording(data, file), defects)
