"""Bands: from which step to which each lasts."""

import pytest

from chaos.plan.faults import FAULTS, INJECTIONS, REPLACEMENTS
from chaos.showing.bands import bands_of
from chaos.showing.rebuild_curve import rebuild_curves
from chaos.steps.schedule import Impair, Inject, Kill, Operate, PowerLoss, Stall
from tests.stories import PLAN, Story, observed
from workers.bdev.stack import Stack, stacked_bdev_id


def bands(story, *kinds):
    found = bands_of(story.execution())
    return [tuple(band)[:4] for band in map(_astuple, found) if not kinds or band[4] in kinds]


def _astuple(band):
    return (band.lane, band.begin, band.end, band.what, band.kind)


def inject(story, fault, disk=0, op=1):
    return story.add(Inject(op, fault, disk, ()))


def wait(story, steps=3):
    for _ in range(steps):
        story.happen("bdev.nomem", 0)
    return story


def test_fault_lasts_until_its_disk_is_healed():
    story = wait(inject(wait(inject(Story(), "disk_failure")), "disk_heal"))
    assert bands(story) == [("D0", 1, 5, "disk failure")]


def test_fault_that_is_never_healed_lasts_to_the_end():
    assert bands(wait(inject(Story(), "disk_hang", 1))) == [("D1", 1, 4, "disk hang")]


def test_heal_ends_the_faults_of_one_disk_only():
    story = inject(inject(inject(Story(), "disk_slow", 0), "disk_slow", 1), "disk_heal", 1)
    assert bands(wait(story)) == [("D0", 1, 6, "disk slow"), ("D1", 2, 3, "disk slow")]


def test_pulled_disk_is_away_until_it_returns_and_no_heal_brings_it_back():
    story = inject(inject(inject(Story(), "disk_pull"), "disk_heal"), "disk_return")
    assert bands(wait(story)) == [("D0", 1, 3, "disk pull")]


@pytest.mark.parametrize("back", REPLACEMENTS)
def test_another_disk_in_its_place_ends_every_fault(back):
    story = inject(inject(inject(Story(), "bit_rot"), "disk_pull"), back)
    assert {band[2] for band in bands(wait(story))} == {3}


def test_bit_rot_is_not_healed():
    assert bands(inject(inject(Story(), "bit_rot"), "disk_heal")) == [("D0", 1, 2, "bit rot")]


@pytest.mark.parametrize("fault", INJECTIONS)
def test_every_injection_is_a_band_a_heal_or_a_moment(fault):
    found = bands(wait(inject(Story(), fault)))
    assert bool(found) == (fault in FAULTS and fault != "disk_grow")


def test_error_and_delay_bdevs_are_faults_of_the_disk_under_them():
    error = stacked_bdev_id(PLAN.layout, Stack.ERROR, 1)
    delay = stacked_bdev_id(PLAN.layout, Stack.DELAY, 0)
    story = Story().add(Operate(1, "bdev_error_inject_error", (error, 1, 2, 3)))
    story.add(Operate(2, "bdev_delay_update_latency", (delay, 900)))
    inject(inject(story, "disk_heal", 1), "disk_heal", 0)
    story.add(Operate(3, "bdev_delay_update_latency", (delay, 0)))
    assert bands(wait(story)) == [("D1", 1, 3, "error bdev"), ("D0", 2, 5, "delay bdev")]


def test_cut_and_slow_hosts_are_bands_and_a_vanished_one_is_a_moment():
    story = Story().add(Impair(1, "network_cut", 0)).add(Impair(2, "host_slow", 0))
    story.add(Impair(3, "network_heal", 0)).add(Impair(4, "host_ready", 0))
    story.add(Impair(5, "host_vanish", 0))
    assert bands(story) == [("H0", 1, 3, "network cut"), ("H0", 2, 4, "host slow")]


def test_stall_lasts_its_steps_in_a_stepped_run_and_until_the_next_step_in_a_free_one():
    story = wait(Story().add(Stall(1, 0, 2)), 5)
    stepped = bands_of(observed(story.execution()))
    assert [(band.begin, band.end) for band in stepped] == [(1, 3)]
    assert bands(story) == [("R0", 1, 2, "reactor stall")]


def test_end_of_the_target_ends_what_it_holds_and_hides_its_disks_until_they_are_found():
    story = Story().happen("raid.created", 0, 1)
    inject(story, "disk_failure", 1).add(Kill(9, ()))
    story.add(Operate(10, "framework_start_init", (0,)))
    inject(story, "disk_arrive", 1)
    wait(story)
    assert bands(story, "member") == [("D0", 1, 3, "member"), ("D1", 1, 3, "member")]
    assert bands(story, "online") == [("ARRAY", 1, 3, "array online")]
    assert [band for band in bands(story, "absent") if band[0] in ("D0", "D1")] == [
        ("D0", 3, 4, "not found yet"),
        ("D1", 3, 5, "not found yet"),
    ]
    # Without superblocks the operator makes healthy clones; with them a fault outlives the target.
    assert bands(story, "fault") == [("D1", 2, 8, "disk failure")]
    cloned = wait(inject(Story(), "disk_failure").add(PowerLoss(9, (1, 0), ())))
    assert bands(cloned) == [("D0", 1, 2, "disk failure")]


def test_rebuild_makes_a_member():
    story = Story().happen("raid.created", 0, 1).happen("raid.member_removed", 1, 1)
    story.happen("rebuild.started", 1, 1).happen("rebuild.finished", 1, 1, 0)
    wait(story)
    assert [band for band in bands(story) if band[0] == "D1"] == [
        ("D1", 1, 2, "member"),
        ("D1", 3, 4, "being rebuilt"),
        ("D1", 4, 7, "member"),
    ]


def test_rebuild_that_fails_makes_none():
    story = Story().happen("rebuild.started", 1, 1).happen("rebuild.finished", 1, 1, -5)
    assert bands(wait(story)) == [("D1", 1, 2, "being rebuilt")]


def curves(story):
    return rebuild_curves(story.execution())


def test_curve_has_a_point_for_each_window_and_the_array_s_height():
    story = Story().happen("rebuild.started", 1, 1).happen("rebuild.window_done", 4, 8)
    story.happen("rebuild.window_done", 8, 8).happen("rebuild.finished", 1, 1, 0)
    found = curves(story)
    assert found.blocks == PLAN.blocks == 8
    (one,) = found.curves
    assert (one.slot, one.disk, one.points) == (1, 1, [(1, 0), (2, 4), (3, 8)])
    assert (one.end, one.how) == (4, "finished")


def test_curve_ends_with_status_crash_kill_run_or_the_next_rebuild():
    start = ("rebuild.started", 1, 1)
    ends = {
        "status -19": Story().happen(*start).happen("rebuild.finished", 1, 1, -19),
        "the target died": Story().happen(*start).crash(),
        "the run ended": wait(Story().happen(*start)),
        "another one starts": Story().happen(*start).happen(*start),
    }
    for how, story in ends.items():
        assert curves(story).curves[0].how == how
    killed = Story().happen(*start).add(Kill(1, ()))
    assert curves(wait(killed)).curves[0].end == 2


def test_array_that_grows_is_as_high_as_it_gets():
    assert curves(Story().happen("raid.grown", 12)).blocks == 12
