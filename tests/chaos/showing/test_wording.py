"""Every kind of step and event has its words, with the names of its arguments, and a thing has the same name in all texts."""

import pytest

from chaos.plan.arguments import BLOCK_RANGE
from chaos.plan.faults import FAULTS, IMPAIRMENTS, INJECTIONS, argument_count
from chaos.plan.rpcs import RPCS
from chaos.showing.labels import make_labels
from chaos.showing.wording import events
from chaos.showing.wording.phrases import capitalized, counted, ordinal, status_of
from chaos.showing.wording.places import named, thread_name
from chaos.showing.wording.steps import Style
from chaos.showing.wording.words import Words
from chaos.steps.history import Completed
from chaos.steps.schedule import (
    CompareAndWrite,
    Deliver,
    FinishIo,
    FireTimer,
    Flush,
    Impair,
    Inject,
    Kill,
    Operate,
    PowerLoss,
    Read,
    Stall,
    Write,
)
from tests.stories import PLAN, PLAN_WITH_SUPERBLOCK
from workers.bdev.io import IoType
from workers.nvmf.status import NvmeStatus
from workers.probes import PROBES
from workers.protocol import FIRST_CONNECTION, OPERATOR, Event
from workers.reactor import FIRST_DYNAMIC_THREAD

LABELS = make_labels(PLAN, 0)
PLAIN = Words(PLAN)
EXACT = Words(PLAN_WITH_SUPERBLOCK, LABELS, Style.EXACT, {FIRST_CONNECTION: 0})
OFFSET = PLAN_WITH_SUPERBLOCK.data_offset


def test_every_event_has_words_and_a_name_for_each_argument_that_the_probes_document():
    assert set(events.EVENTS) - set(PROBES) == {"disk.cache_lost"}  # the controller's own
    for name, text in PROBES.items():
        documented = text.partition(": ")[2]
        names = events.EVENTS[name].arguments
        assert len(names) == (len(documented.split(", ")) if documented else 0), name


@pytest.mark.parametrize("name", list(PROBES))
def test_event_s_sentence_has_no_bare_numbers_of_unknown_meaning(name):
    count = max(3, len(events.EVENTS[name].arguments))
    said = EXACT.event(Event(name, 1, (1,) * count))
    assert "{" not in said
    assert "(1, 1" not in said
    assert said != EXACT.event(Event("unheard.of", 1, (1,) * count))


def test_event_says_what_its_numbers_are():
    def said(name, *args):
        return PLAIN.event(Event(name, 1, args))

    where = "nvmf_tgt_poll_group_0"
    assert said("raid.channel", 3, -1, 0) == (
        f"the channel of {where} has members in slots 0 and 1, no rebuild"
    )
    assert said("raid.channel", 1, 8, 3) == (
        f"the channel of {where} has members in slot 0, rebuild offset 8, twin's members in slots 0 and 1"
    )
    assert said("bdev.quiesced", PLAN.layout.disks, 4, 0, 8) == (
        "the array is quiesced in blocks 0-7 (lock 4)"
    )
    assert said("bdev.quiesced", 0, 4, 0, 1 << 40) == "disk0 is quiesced in all blocks (lock 4)"
    assert said("rebuild.finished", 1, 1, -5).endswith("onto disk1 ends with error -5")
    assert said("raid.created", 0, 1) == "the array is created from disk0 and disk1"
    assert said("disk.fault", 1, 1, int(IoType.READ), 3, 2) == (
        "disk1: an injected error hits a read of blocks 3-4"
    )


def test_event_of_a_user_s_own_is_shown_by_name_and_numbers():
    assert EXACT.event(Event("mine.happened", 0, (4, 5))) == "app_thread: mine.happened(4, 5)"
    assert EXACT.event(Event("rebuild.started", 0, (4,))) == "app_thread: rebuild.started(4)"


@pytest.mark.parametrize("method", list(RPCS))
def test_every_rpc_is_a_sentence_and_a_call_with_names(method):
    least, most = RPCS[method].arity
    count = most if RPCS[method].repeated is None else least + 2
    step = Operate(3, method, (1,) * count)
    assert "{" not in PLAIN.step(step)
    text, _, call = EXACT.step(step).partition(f": {method}(")
    assert text == PLAIN.step(step)
    assert call.endswith(")")
    assert call.count("=") == len(RPCS[method].arguments) + (RPCS[method].repeated is not None)


def test_exact_rpc_names_its_arguments():
    create = Operate(3, "bdev_raid_create", (1, 1, 0, 1))
    assert PLAIN.step(create) == "the operator creates the array"
    assert EXACT.step(create) == (
        "the operator creates the array: bdev_raid_create(superblock=1, array=1, bdevs=[disk0, disk1])"
    )
    add = Operate(3, "bdev_raid_add_base_bdev", (1,))
    assert EXACT.step(add) == (
        "the operator adds disk1 to the array: bdev_raid_add_base_bdev(bdev=disk1)"
    )


def test_wrong_or_unknown_rpc_is_shown_as_it_was_sent():
    assert PLAIN.step(Operate(1, "bdev_raid_add_base_bdev", ())) == (
        "the operator calls bdev_raid_add_base_bdev()"
    )
    assert EXACT.step(Operate(1, "mine", (4, 5))) == ("the operator calls mine(4, 5)")


def test_every_injection_and_impairment_has_words_and_its_handle():
    for fault in INJECTIONS:
        step = Inject(1, fault, 1, (OFFSET, OFFSET + 2, 3)[: argument_count(fault)])
        said = EXACT.step(step)
        assert said.endswith(f" ({fault})")
        assert LABELS.disk(1) in said
        assert "?" not in said
        assert fault not in PLAIN.step(step)
        if fault in FAULTS and set(BLOCK_RANGE) <= set(FAULTS[fault].arguments):
            assert f"blocks 0-1 ({OFFSET}-{OFFSET + 1} on disk)" in said
    for fault in IMPAIRMENTS:
        said = EXACT.step(Impair(1, fault, 0))
        assert said.startswith(f"host 0 ({LABELS.host(0)}) ")
        assert said.endswith(f"({fault})")
    for step, fault in (
        (Kill(1, ()), "target_kill"),
        (PowerLoss(1, (), ()), "power_loss"),
        (Stall(1, 0, 9), "reactor_stall length=9"),
    ):
        assert EXACT.step(step).endswith(f"({fault})")


def test_labels_are_a_parameter():
    read = Read(4, 0, FIRST_CONNECTION, 2, 3, 2)
    assert PLAIN.step(read) == "host 0 reads blocks 3-4 (op 4)"
    assert EXACT.step(read) == (
        f"host 0 ({LABELS.host(0)}) reads blocks 3-4 (op 4) through nvmf_tgt_poll_group_1"
    )
    assert EXACT.step(Write(4, 0, FIRST_CONNECTION, 2, 3, 1, True)).endswith(
        "writes block 3 (op 4) with FUA through nvmf_tgt_poll_group_1"
    )
    assert "if they hold op 2" in EXACT.step(CompareAndWrite(4, 0, 1, 2, 3, 1, 0, 2))
    assert "flushes (op 4)" in EXACT.step(Flush(4, 0, 1, 2))


def test_io_of_a_disk_names_its_request_and_both_numbers_of_its_blocks():
    write = FinishIo(0, 2, 1, IoType.WRITE, OFFSET + 2, 3, 0)
    where = f"blocks 2-4 ({OFFSET + 2}-{OFFSET + 4} on disk)"
    assert EXACT.engine(write, "", "op 7") == (
        f"disk1 finishes a write of {where} for op 7 (nvmf_tgt_poll_group_1)"
    )
    assert EXACT.engine(write, "failed").startswith("disk1 FAILS a write")
    flush = FinishIo(0, 2, 1, IoType.FLUSH, OFFSET, 8, 0)
    assert EXACT.engine(flush) == "disk1 finishes a flush for nvmf_tgt_poll_group_1"
    superblock = FinishIo(0, 0, 0, IoType.WRITE, 0, 1, 0)
    assert EXACT.engine(superblock) == (
        "disk0 finishes a write of its superblock (0 on disk) for app_thread"
    )
    # Without superblocks the array's blocks are the disks'.
    assert Words(PLAN, style=Style.EXACT).engine(FinishIo(0, 2, 1, IoType.READ, 2, 1, 0)) == (
        "disk1 finishes a read of block 2 for nvmf_tgt_poll_group_1"
    )


def test_message_and_timer():
    assert EXACT.engine(Deliver(0, OPERATOR, 0), "rpc.bdev_reset") == (
        "app_thread handles rpc.bdev_reset of the operator"
    )
    assert PLAIN.engine(Deliver(0, 0, 1), "io_device.visit") == (
        "the iteration over the channels comes to nvmf_tgt_poll_group_0"
    )
    assert EXACT.engine(FireTimer(0, 50, 0, 1)).endswith("fires at 50 us")


def test_a_thread_and_a_disk_have_one_name_also_in_the_text_of_a_check():
    assert named("thread 2 and disk 1, disk2") == "nvmf_tgt_poll_group_1 and disk1, disk2"
    assert thread_name(0) == "app_thread"
    assert thread_name(FIRST_DYNAMIC_THREAD + 1) == "raid0_rebuild"


def test_answers_and_numbers_with_their_nouns():
    failed = Completed(1, 7, int(NvmeStatus.INTERNAL_DEVICE_ERROR), 0, [])
    assert EXACT.answer(failed) == "op 7 is answered: status INTERNAL_DEVICE_ERROR"
    assert EXACT.answer(Completed(1, 7, 0, 0, [3, 0])).endswith(
        "data of ops [3, 0] (0: never written)"
    )
    assert [status_of(-16), status_of(0x7FFF)] == ["error -16", "status 0x7fff"]
    assert [counted(1, "crash"), counted(2, "crash"), counted(0, "block")] == [
        "1 crash",
        "2 crashes",
        "0 blocks",
    ]
    assert capitalized("app_thread handles") == "app_thread handles"
    assert capitalized("disk1 fails") == "Disk1 fails"


def test_numbers_that_order():
    numbers = (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 101, 111)
    assert " ".join(map(ordinal, numbers)) == (
        "first second third 4th 11th 12th 13th 21st 22nd 23rd 101st 111th"
    )
