"""A scenario played on a target: every operation carried out, and what was answered and seen, as a recording has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from chaos.conforming.dialect import Call, Dialect
from chaos.conforming.host import Host, status_of, text_of
from chaos.conforming.mistakes import REQUESTS, UNKNOWN_DISK
from chaos.conforming.observe import Sizes
from chaos.conforming.scenario import (
    CRASH,
    HANG,
    NOT_PLAYED,
    WITHOUT_CODE,
    CannotPlayError,
    Operation,
    Setup,
    State,
    Status,
    Step,
)
from chaos.conforming.stepped_target import SteppedTarget, TargetDied, TargetHangs
from chaos.drivers.make import Stepped
from workers.bdev.disk import Disk
from workers.bdev.io import BLOCK_SIZE
from workers.errors import EEXIST, ENODEV, OK
from workers.protocol import APP_THREAD, NEMESIS, OPERATOR, DefectSource, Reply

US_PER_SECOND = 1_000_000
NEAR = 32  # blocks from an end that are meant as such
Pending = Callable[[], int]  # ends a request, and returns its code


class Player:
    """One scenario's target. It begins with the disks that are present."""

    def __init__(
        self,
        driver: Stepped,
        dialect: Dialect,
        setup: Setup,
        size_max: float,
        units: Sizes,
        defects: tuple[DefectSource, ...] = (),
    ) -> None:
        """Make the target ready; the disks grow to ``size_max`` at most, and ``units`` are the sizes of the recording."""
        self._dialect = dialect
        self._units = units
        self._setup = setup
        sizes = dialect.sizes
        capacity = sizes.blocks_of(size_max)
        self._target = SteppedTarget(driver, dialect.layout(setup, capacity), defects)
        self._has_subsystem = False
        self._host: Host | None = None
        self._is_connected = False
        self._glances: list[State] = []
        self._tokens: list[int] = []  # of the step's requests
        self.end = ""  # how the target has ended, if it has
        for disk in self._target.disks:
            disk.header.num_blocks = sizes.blocks_of(setup.sizes.get(disk.number, 1))
        self._to_begin: list[int] | None = setup.present  # with the first step

    def _begin(self, present: list[int]) -> None:
        for call in self._dialect.opening(self._setup):
            self._ask(call)
        for disk in self._target.disks:
            disk.header.present = 0
        for number in present:
            self._last(self._plug(number))

    @property
    def disks(self) -> list[Disk]:
        return self._target.disks

    def play(self, step: Step) -> Step:
        """Carry out a step; return it with the target's answers in place of the recorded ones."""
        try:
            return self._played(step)
        except TargetDied as death:
            self.end = f"crashes in {death.crash.where}: {death}"
            return Step(step.do, code=CRASH)
        except TargetHangs as hang:
            self.end = str(hang)
            return Step(step.do, code=HANG)
        except CannotPlayError as error:
            self.end = str(error)
            return Step(step.do, code=NOT_PLAYED)

    def _played(self, step: Step) -> Step:
        if self._to_begin is not None:
            present, self._to_begin = self._to_begin, None
            self._begin(present)
        self._glances, self._tokens = [], []
        self._target.after_step = None if step.settled else self._glance
        try:
            got = self._carried_out(step)
        finally:
            self._target.after_step = None
        seen = self._look()
        if step.state in self._glances:
            seen = step.state
        return msgspec.structs.replace(got, state=seen)

    def _glance(self) -> None:
        """Note the state: an unsettled one was recorded at some moment between the answer and rest."""
        if self._target.has_answered(self._tokens):
            self._glances.append(
                self._dialect.glance(self._target, self._setup, namespaces=self._has_subsystem)
            )

    def _last(self, end: Pending) -> int:
        """End one of several requests; only what is seen after the last one counts."""
        self._glances.clear()
        return end()

    def _carried_out(self, step: Step) -> Step:
        name, *args = step.do
        code: int | list[int] = OK
        status: Status | UnsetType = UNSET
        data: str | UnsetType = UNSET
        members: list[str] | UnsetType = UNSET
        match name:
            case "both":
                # The second is read before anything else happens.
                code = [end() for end in [self._start(operation) for operation in args]]
            case "io":
                status, data = self._io(*args)
            case "members":
                members = self._members(*args)
            case "sleep":
                self._target.sleep(round(args[0] * US_PER_SECOND))
                self._glances.clear()  # what was recorded is what was there in the end
            case _:
                code = self._start(step.do)()
        if step.settled:
            self._target.settle()
        return Step(
            step.do,
            code=UNSET if name in WITHOUT_CODE else code,
            status=status,
            data=data,
            members=members,
            settled=step.settled,
            where=step.where,
        )

    def _look(self) -> State:
        return self._dialect.look(self._target, self._setup, namespaces=self._has_subsystem)

    # Requests.

    def _ask(self, call: Call) -> Reply:
        handler, args = call
        target = self._target
        return target.answer(target.send(APP_THREAD, OPERATOR, handler, *args))

    def _start(self, operation: Operation) -> Pending:
        """Carry out an operation up to the moment at which the target has read it."""
        name, *args = operation
        if name in ("addns", "rmns", "connect"):
            self._prepare_subsystem()
        if name in REQUESTS:
            return self._request(operation)
        match name:
            case "plug":
                return self._plug(args[0])
            case "pull":
                return self._pull(args[0])
            case "replug":
                code = self._pull(args[0])()
                self._glances.clear()
                return (lambda: code) if code else self._plug(args[0])
            case "connect":
                self._host = Host(self._target)
                self._is_connected = True
            case "settle":
                self._target.settle()
            case "restart":
                self._restart(args[0])
            case "grow" if not self._is_present(args[0]):
                if args[0] != UNKNOWN_DISK:
                    self._change_file("truncate", *args)
                return lambda: ENODEV
            case _:
                self._change_file(name, *args)
        return lambda: OK

    def _request(self, operation: Operation) -> Pending:
        handler, args = self._dialect.request(self._setup, operation)
        target = self._target
        token = target.send(APP_THREAD, OPERATOR, handler, *args)
        self._tokens.append(token)
        target.deliver(APP_THREAD, OPERATOR)
        return lambda: self._dialect.code(operation, target.answer(token))

    def _prepare_subsystem(self) -> None:
        if not self._has_subsystem:
            self._has_subsystem = True
            self._ask(("rpc.nvmf_create_poll_group", (0,)))

    # Disks.

    def _plug(self, number: int) -> Pending:
        disk = self._target.disks[number]
        if disk.header.present:
            return lambda: EEXIST
        disk.header.present = 1
        self._target.send(APP_THREAD, NEMESIS, "bdev.attach_disk", number)
        self._target.deliver(APP_THREAD, NEMESIS)

        def end() -> int:
            self._target.run_until(number, is_registered=True)
            for call in self._dialect.after_plug(self._setup, disk):
                self._ask(call)
            self._target.run()
            return OK

        return end

    def _is_present(self, number: int) -> bool:
        return number != UNKNOWN_DISK and bool(self._target.disks[number].header.present)

    def _pull(self, number: int) -> Pending:
        if not self._is_present(number):
            return lambda: ENODEV
        disk = self._target.disks[number]
        disk.pull()
        self._target.send(APP_THREAD, NEMESIS, "bdev.hot_remove", number)
        self._target.deliver(APP_THREAD, NEMESIS)

        def end() -> int:
            self._target.run_until(number, is_registered=False)
            return OK

        return end

    def _change_file(self, name: str, *args: float) -> None:
        disk = self._target.disks[int(args[0])]
        match name:
            case "blank":
                disk.data[:] = bytes(len(disk.data))
            case "copy":
                self._target.disks[int(args[1])].copy_from(disk)
            case _:
                blocks = self._dialect.sizes.blocks_of(args[1])
                disk.data[blocks * BLOCK_SIZE :] = bytes(len(disk.data) - blocks * BLOCK_SIZE)
                disk.header.num_blocks = blocks
                if name == "grow":
                    self._target.send(APP_THREAD, NEMESIS, "bdev.grown", disk.number)
                    self._target.run()

    def _restart(self, present: list[int]) -> None:
        self._target.restart()
        self._has_subsystem = False
        self._host = None
        self._begin(present)

    def copies(self, lba: int) -> list[str]:
        """Return what each disk has in a block of the array."""
        return self._members(lba, list(range(self._setup.disks)))

    def _members(self, lba: int, numbers: list[int]) -> list[str]:
        offset = self._dialect.sizes.data_offset if self._setup.superblock else 0
        lba, _ = self._place(lba, 1)
        return [text_of(self._target.disks[number].block(offset + lba)) for number in numbers]

    # The host.

    def _io(self, kind: str, arguments: dict[str, Any]) -> tuple[Status, str | UnsetType]:
        """Send a command; after a restart the host connects again by itself."""
        if self._is_connected and self._host is None:
            self._prepare_subsystem()
            self._host = Host(self._target)
        assert self._host is not None, "a scenario connects before its I/O"
        lba, blocks = self._place(arguments.get("lba", 0), arguments.get("blocks", 1))
        reply = self._host.io(kind, arguments["nsid"], lba, blocks, arguments.get("text", ""))
        status = status_of(reply.status)
        is_read = kind == "read" and not reply.status
        return status, text_of(reply.data) if is_read else UNSET

    def _place(self, lba: int, blocks: int) -> tuple[int, int]:
        """Return where blocks of a recording lie here: at the same place from the array's beginning or its end."""
        seen = self._look()
        size = 1.0 if not isinstance(seen.num_blocks, int | float) else seen.num_blocks
        has_superblock = seen.superblock is True
        theirs = self._units.array_blocks(size, has_superblock=has_superblock)
        ours = self._dialect.sizes.array_blocks(size, has_superblock=has_superblock)
        first, end = (_placed(at, theirs, ours) for at in (lba, lba + blocks))
        return first, max(end - first, 1)


def _placed(block: int, theirs: int, ours: int) -> int:
    if theirs == ours or block <= NEAR:
        return block
    return ours + block - theirs if block > theirs - NEAR else block * ours // theirs
