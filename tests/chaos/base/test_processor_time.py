"""The processor time of this process and of those that it has started, living or ended."""

import subprocess
import sys
import time

from chaos.base.processor_time import processor_seconds

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def test_work_counts_and_waiting_does_not():
    begun = processor_seconds()
    time.sleep(0.3)
    assert processor_seconds() - begun < 0.2
    begun = processor_seconds()
    own = time.process_time()
    while time.process_time() < own + 0.2:
        pass
    assert processor_seconds() >= begun + 0.19


def test_work_of_a_process_counts_while_it_lives_and_afterwards():
    begun = processor_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", f"{BURN}print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        child.stdout.readline()
        living = processor_seconds() - begun
        child.communicate(b"\n")
    assert living >= 0.25
    assert processor_seconds() - begun >= living - 0.05
