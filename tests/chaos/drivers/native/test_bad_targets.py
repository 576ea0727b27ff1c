"""Targets that can't be used get one sentence; one that misbehaves in a step ends alone, as a finding."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from chaos.drivers.make import NativeDriver
from chaos.drivers.native import process
from chaos.drivers.native.opened import opened_for
from chaos.drivers.native.process import TargetError
from chaos.judging.judge import judge
from chaos.plan.targets import resolve_for
from chaos.run.controller import Controller
from chaos.run.driver import WorkerLostError
from experiments.catalog import EXPERIMENTS
from tests.chaos.drivers.native.targets import (
    explore,
    needs_compiler,
    odd_at_start,
    odd_in_step,
    opened,
)

pytestmark = needs_compiler
NOT_A_TARGET = "int an_answer(void); int an_answer(void) { return 42; }\n"
OLD_INTERFACE = """#define raidstorm_interface example_interface
#include "example/example.c"
#undef raidstorm_interface
uint32_t raidstorm_interface(void) { return 99; }
"""


def _refusal(path: Path | str) -> str:
    with pytest.raises(TargetError) as error:
        opened(path)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert str(path) in sentence or path == "example", sentence
    return sentence


def test_files_that_are_no_targets_are_refused_by_a_sentence(tmp_path):
    assert "No such file" in _refusal(tmp_path / "none.c")
    assert "No such file" in _refusal(tmp_path / "none.so")
    text = tmp_path / "text.so"
    text.write_text("not an object")
    assert "is not a shared object" in _refusal(text)
    broken = tmp_path / "broken.c"
    broken.write_text("int main(void) { return }\n")
    assert "can't be compiled: " in _refusal(broken)
    other = tmp_path / "other.c"
    other.write_text(NOT_A_TARGET)
    assert _refusal(other)


def test_an_object_that_was_cut_short_is_refused(tmp_path):
    whole = opened_for(opened("example")).symbols.library.read_bytes()
    cut = tmp_path / "cut.so"
    cut.write_bytes(whole[: len(whole) // 20])
    sentence = _refusal(cut)
    assert "can't be loaded" in sentence or "it ends while it starts" in sentence


def test_another_version_of_the_interface_is_refused(tmp_path):
    source = tmp_path / "old.c"
    source.write_text(OLD_INTERFACE)
    assert "has version 99 of the interface" in _refusal(source)


def test_without_a_compiler_the_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    source = tmp_path / "some.c"
    source.write_text(NOT_A_TARGET)
    with pytest.raises(TargetError, match="needs a C compiler, and none is found; install gcc"):
        opened(source)


def test_a_target_that_ends_while_it_starts_is_refused(tmp_path):
    assert "it ends while it starts" in _refusal(odd_at_start(tmp_path, "_exit(3);"))


@pytest.mark.parametrize(
    ("what", "signature"),
    [
        ("exit(3);", "crash/exit/exit"),
        ("abort();", "crash/signal/odd.c:raidstorm_deliver"),
        ("*(volatile int *)8 = 1;", "crash/signal/odd.c:raidstorm_deliver"),
        ('raidstorm_crash("heap", "double free");', "crash/heap/odd.c:raidstorm_deliver"),
        ("for (int fd = 0; fd < 1024; fd++) close(fd);", "crash/descriptors/descriptors"),
    ],
)
def test_a_target_that_misbehaves_ends_alone(what, signature, tmp_path):
    target = opened(odd_in_step(tmp_path, what))
    first = explore(target, "baseline", 1)
    assert [finding.signature for finding in judge(first)] == [signature]
    assert explore(target, "baseline", 1).fingerprint == first.fingerprint
    assert explore(opened("example"), "baseline", 1).settled


def test_an_endless_step_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "STEP_CPU_SECONDS_MAX", 0.3)
    target = opened(odd_in_step(tmp_path, 'for (;;) { __asm__ volatile (""); }'))
    execution = explore(target, "baseline", 1)
    assert execution.crash.kind == "endless"
    assert "raidstorm_deliver" in execution.crash.where


def test_what_a_target_prints_and_starts_is_bounded_and_ended(tmp_path):
    prints = (
        'for (int i = 0; i < 1 << 22; i++) { if (write(1, "0123456789abcdef", 16) < 0) break; }'
    )
    forks = f"{prints} if (fork() == 0) {{ for (;;) pause(); }}"
    target = opened(odd_in_step(tmp_path, forks))
    driver = NativeDriver(opened_for(target))
    plan = resolve_for(EXPERIMENTS["baseline"], 1, target)
    execution = Controller(plan, driver, ()).explore(1)
    assert execution.settled
    assert judge(execution) == []
    group = driver.process.pid
    driver.close()
    for _ in range(200):  # the process that adopts a started one has to reap it first
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        pytest.fail("a process that the target started is left")


def test_a_process_killed_from_outside_is_no_finding():
    target = opened("example")
    driver = NativeDriver(opened_for(target))
    plan = resolve_for(EXPERIMENTS["baseline"], 1, target)
    controller = Controller(plan, driver, ())
    os.kill(driver.process.pid, signal.SIGKILL)
    with pytest.raises(WorkerLostError, match="killed from outside"):
        controller.explore(1)
    driver.close()
    server = opened_for(target).server
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    assert explore(target, "baseline", 1).settled
