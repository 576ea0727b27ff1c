"""A target under a stepping driver, driven by hand: send a message, run, await its answer.

A target runs until only time could go on. So a look after an answer comes one round trip later, not in the moment of it. Time
passes where an answer needs it, and to settle.
"""

from __future__ import annotations

from collections.abc import Callable

from chaos.drivers.make import Stepped
from chaos.steps.agenda import Agenda
from workers.bdev.disk import Disk
from workers.protocol import (
    Crash,
    DefectSource,
    Deliver,
    EngineStep,
    FireTimer,
    Layout,
    Message,
    Reply,
)

STEPS_MAX = 200_000  # of one life


class TargetDied(Exception):  # noqa: N818  # no error of the tester
    """The target has crashed."""

    def __init__(self, crash: Crash) -> None:
        super().__init__(crash.message)
        self.crash = crash


class TargetHangs(Exception):  # noqa: N818  # no error of the tester
    """A request is never answered, or the target never comes to rest."""


class SteppedTarget:
    """Takes the oldest possible step each time."""

    def __init__(
        self, driver: Stepped, layout: Layout, defects: tuple[DefectSource, ...] = ()
    ) -> None:
        self.driver = driver
        self.layout = layout
        self._agenda = Agenda()
        self._replies: dict[int, Reply] = {}
        self._unanswered: set[int] = set()  # tokens; only looked up
        self._last_token = 0
        self._clock_us = 0
        self._steps = 0
        self.after_step: Callable[[], None] | None = None  # not before the answer that is awaited
        self._is_answered: Callable[[], bool] = _always
        self._registered: set[int] = set()  # disks whose bdev exists; only looked up
        driver.start(layout, defects)

    @property
    def disks(self) -> list[Disk]:
        return self.driver.disks

    def restart(self) -> None:
        """Kill the target, and start it again over the same disks."""
        self.driver.restart()
        self._agenda.clear()
        self._replies.clear()
        self._unanswered.clear()
        self._registered.clear()
        self._clock_us = self._steps = 0

    def send(self, thread: int, sender: int, handler: str, *args: object, reactor: int = 0) -> int:
        """Send a message to a thread; return the token of its answer."""
        self._last_token += 1
        self._unanswered.add(self._last_token)
        self.driver.send(Message(reactor, sender, thread, handler, self._last_token, args))
        self._agenda.post(Deliver(reactor, sender, thread))
        return self._last_token

    def has_answered(self, tokens: list[int]) -> bool:
        """Return whether all these messages are answered."""
        return self._unanswered.isdisjoint(tokens)

    def deliver(self, thread: int, sender: int) -> None:
        """Let a thread take the oldest message from this sender before anything else happens."""
        self._take(Deliver(0, sender, thread))

    def answer(self, token: int) -> Reply:
        """Run until a message is answered; raise TargetHangs where it never is."""
        self._run_until(lambda: token in self._replies, "a request is never answered")
        return self._replies.pop(token)

    def run(self) -> None:
        """Run until only time could go on."""
        while (step := self._next()) is not None:
            self._take(step)
            if self.after_step is not None and self._is_answered():
                self.after_step()

    def settle(self) -> None:
        """Run until nothing is possible any more."""
        self.run()
        while self._pass_time():
            self.run()

    def sleep(self, duration_us: int) -> None:
        """Run while this much time passes."""
        end = self._clock_us + duration_us
        self.run()
        while (timer := self._timer()) is not None and timer.deadline_us <= end:
            self._pass_time()
            self.run()
        self._clock_us = max(self._clock_us, end)

    def run_until(self, disk: int, *, is_registered: bool) -> None:
        """Run until the bdev of this disk has come or gone; raise TargetHangs where it never does."""
        what = "comes" if is_registered else "goes"
        self._run_until(
            lambda: (disk in self._registered) is is_registered, f"a disk's bdev never {what}"
        )

    def _run_until(self, condition: Callable[[], bool], sentence: str) -> None:
        self._is_answered = condition
        self.run()
        while not condition():
            if not self._pass_time():
                raise TargetHangs(sentence)
            self.run()
        self._is_answered = _always

    def _next(self) -> EngineStep | None:
        """Return the oldest step that is no timer."""
        agenda = self._agenda
        if not agenda:
            return None
        step = agenda.oldest()
        if step.__class__ is not FireTimer:
            return step
        return agenda.second_oldest() if len(agenda) > 1 else None

    def _timer(self) -> FireTimer | None:
        step = self._agenda.oldest() if self._agenda else None
        return step if isinstance(step, FireTimer) else None

    def _pass_time(self) -> bool:
        """Fire the timer that is due next; return False if there is none."""
        timer = self._timer()
        if timer is None:
            return False
        self._clock_us = max(self._clock_us, timer.deadline_us)
        self._take(timer)
        return True

    def _take(self, step: EngineStep) -> None:
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise TargetHangs(f"the target doesn't come to rest within {STEPS_MAX} steps")
        self._agenda.took(step)
        outcome = self.driver.perform(step)
        if outcome.crash is not None:
            raise TargetDied(outcome.crash)
        self._agenda.absorb(outcome)
        for reply in outcome.replies:
            self._replies[reply.token] = reply
            self._unanswered.discard(reply.token)
        for event in outcome.events:
            if event.name == "bdev.registered":
                self._registered.add(event.args[0])
            elif event.name == "bdev.unregistered":
                self._registered.discard(event.args[0])


def _always() -> bool:
    return True
