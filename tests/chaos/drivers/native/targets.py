"""Targets for these tests: the example, with a mistake or with something odd in one of its functions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chaos.drivers.make import NativeDriver
from chaos.drivers.native.opened import open_target, opened_for
from chaos.plan.target_id import TargetId
from chaos.plan.targets import resolve_for
from chaos.run.controller import Controller
from chaos.run.execution import Execution
from experiments.catalog import EXPERIMENTS

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None, reason="a target in C needs a C compiler, and this machine has none"
)
MISTAKE = """#include "example/example.c"

__attribute__((constructor)) static void
choose(void)
{
	g_options.mistake = MISTAKE_%s;
}
"""
ODD = """#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define raidstorm_%(function)s example_%(function)s
#include "example/example.c"
#undef raidstorm_%(function)s

%(head)s;
%(head)s
{
	static int calls;

	if (++calls == %(call)d) {
		%(what)s
	}
	return example_%(function)s(%(arguments)s);
}
"""


def with_mistake(folder: Path, name: str) -> Path:
    """Write the source of the example with one of its mistakes."""
    source = folder / f"{name.lower()}.c"
    source.write_text(MISTAKE % name)
    return source


def odd_in_step(folder: Path, what: str, call: int = 20) -> Path:
    """Write the source of the example that does something odd when it handles its 20th message."""
    head = "int raidstorm_deliver(uint32_t thread)"
    return _odd(folder, "deliver", head, "thread", what, call)


def odd_at_start(folder: Path, what: str) -> Path:
    """Write the source of the example that does something odd when it is prepared."""
    return _odd(folder, "prepare", "int raidstorm_prepare(void)", "", what, 1)


def _odd(folder: Path, function: str, head: str, arguments: str, what: str, call: int) -> Path:
    source = folder / "odd.c"
    fields = {"function": function, "head": head, "arguments": arguments, "what": what}
    source.write_text(ODD % (fields | {"call": call}))
    return source


def opened(path: str | Path) -> TargetId:
    """Open a target as --target does."""
    return open_target("target", str(path))


def explore(target: TargetId, experiment: str, seed: int) -> Execution:
    """Run one seed on a target."""
    driver = NativeDriver(opened_for(target))
    try:
        plan = resolve_for(EXPERIMENTS[experiment], seed, target)
        return Controller(plan, driver, ()).explore(seed)
    finally:
        driver.close()
