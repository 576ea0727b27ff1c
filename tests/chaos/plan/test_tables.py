"""The tables of what steps may name: RPCs as the engine has them, and faults with their heals."""

import inspect

import pytest

from chaos.plan.arguments import BLOCK_RANGE, Argument
from chaos.plan.faults import DISK_HEALS, FAULTS, HEALS, IMPAIRMENTS, INJECTIONS, ROWS, Carrier
from chaos.plan.operations import OPERATIONS
from chaos.plan.reach_vocabulary import REACH_NAMES
from chaos.plan.rpcs import RPCS, Rpc
from workers import rpc as engine
from workers.shared import SLOTS_MAX

BEFORE = ("self", "thread")


def handlers() -> dict[str, inspect.Signature]:
    found = inspect.getmembers(engine.Rpc, inspect.isfunction)
    return {name: inspect.signature(one) for name, one in found if not name.startswith("_")}


def test_engine_handles_just_these_rpcs():
    assert set(handlers()) == set(Rpc)


@pytest.mark.parametrize("method", Rpc)
def test_engine_takes_as_many_arguments_of_an_rpc_as_the_table_says(method):
    taken = [one for name, one in handlers()[method].parameters.items() if name not in BEFORE]
    more = [one for one in taken if one.kind is inspect.Parameter.VAR_POSITIONAL]
    least = len(taken) - len(more)
    assert RPCS[method].arity == (least, least + SLOTS_MAX * len(more))


@pytest.mark.parametrize("method", Rpc)
def test_every_argument_has_a_kind_and_words_name_only_what_is_there(method):
    row = RPCS[method]
    least, most = row.arity
    assert len(row.kinds(least)) == least
    assert len(row.kinds(most)) == most
    assert row.words.format(**dict.fromkeys(row.arguments, "?")).count("{") == 0


def test_heal_of_each_fault_is_carried_as_the_fault_is():
    for name, row in FAULTS.items():
        if row.heal and row.carrier is not Carrier.RPC:
            assert HEALS[row.heal].carrier is row.carrier, name


def test_every_fault_is_counted_under_a_name_that_is_reported():
    assert {row.effect for row in FAULTS.values()} <= set(REACH_NAMES)


def test_injections_and_impairments_are_apart_and_heals_of_disks_are_injections():
    assert not set(INJECTIONS) & set(IMPAIRMENTS)
    assert set(DISK_HEALS) == set(INJECTIONS) & set(HEALS)


@pytest.mark.parametrize("name", ROWS)
def test_words_of_faults_and_heals_name_only_what_a_step_has(name):
    known = dict.fromkeys(("disk", "host", "reactor", "range", "times"), "?")
    row = ROWS[name]
    arguments = getattr(row, "arguments", ())
    words = row.words.format(**known, **dict.fromkeys(arguments, "?"))
    assert "{" not in words
    if "{range}" in row.words:
        assert arguments[:2] == BLOCK_RANGE or arguments == (Argument.BLOCK,)
    if "{times}" in row.words:
        assert row.arguments[-1] is Argument.COUNT


def test_operations_and_faults_have_names_of_their_own():
    assert not set(OPERATIONS) & set(ROWS)
