"""The request to stop: it is confirmed at once, and a run in progress is stopped some seconds later."""

import os
import signal

import pytest

from chaos.base.interrupt import (
    STOPPING,
    TURNS_BETWEEN_LOOKS,
    Interrupt,
    InterruptedRunError,
    Lookout,
    Patience,
)


def test_first_signal_is_answered_at_once_and_the_second_one_ends(capfd):
    interrupt = Interrupt()
    with interrupt.listening():
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.requested
        assert capfd.readouterr().err == f"{STOPPING}\n"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_run_in_progress_is_given_up_only_after_a_while():
    now = 100.0
    interrupt = Interrupt()
    gives_up = Patience(interrupt, seconds=2.0, clock=lambda: now)
    assert not gives_up()
    now = 200.0
    interrupt.requested = True
    assert not gives_up()  # from now on the request counts
    now = 201.9
    assert not gives_up()
    now = 202.0
    assert gives_up()


def test_lookout_asks_now_and_then():
    asked = []
    lookout = Lookout(lambda: len(asked) == 3 or bool(asked.append(1)))
    for _ in range(4 * TURNS_BETWEEN_LOOKS - 1):
        lookout.look()
    assert len(asked) == 3
    with pytest.raises(InterruptedRunError):
        lookout.look()
