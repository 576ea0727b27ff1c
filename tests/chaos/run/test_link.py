"""A connection as its host sees it: the table of its moves, and hosts that follow it."""

import pytest

from chaos.base.prng import Stream
from chaos.plan.plan import resolve
from chaos.run.hosts import Host, HostState
from chaos.run.link import Link, LinkState
from chaos.run.model import Model
from chaos.steps.schedule import Connect, Disconnect, Impair, Open
from experiments.catalog import EXPERIMENTS

CONNECTION, THREAD, CONTROLLER = 7, 2, 41


def connected() -> Link:
    link = Link(CONNECTION, host=0)
    link.accepted(THREAD)
    link.connects(qid=0)
    link.answered(0, CONTROLLER)
    return link


def test_connection_is_accepted_then_connected_and_knows_thread_and_controller():
    link = connected()
    assert (link.state, link.thread, link.cntlid) == (LinkState.CONNECTED, THREAD, CONTROLLER)
    assert not link.awaits


def test_answer_that_comes_after_its_host_has_closed_changes_nothing_but_that_none_is_awaited():
    link = Link(CONNECTION, host=0)
    link.accepted(THREAD)
    link.connects(qid=0)
    link.closes()
    assert link.awaits
    link.answered(0, CONTROLLER)
    assert (link.state, link.awaits, link.cntlid) == (LinkState.CLOSING, False, 0)


@pytest.mark.parametrize("act", [Link.closes, Link.reset])
def test_connection_that_the_target_has_destroyed_stays_so(act):
    link = connected()
    link.destroyed()
    act(link)
    assert link.state is LinkState.ENDED


def host_that_is_up() -> tuple[Host, Model]:
    plan = resolve(EXPERIMENTS["swarm"], 1)
    model = Model(plan)
    host = Host(0, plan, model, Stream(1))
    while host.state is not HostState.UP:
        step = host.next_step(new_work=True)
        model.took(step)
        if isinstance(step, Open):
            host.answered(step, 0, THREAD)
        elif isinstance(step, Connect):
            host.answered(step, 0, CONTROLLER)
    return host, model


def test_host_closes_what_is_left_when_the_target_ends_one_of_its_connections():
    host, _ = host_that_is_up()
    numbers = [link.number for link in host.links]
    host.connection_ended(numbers[0])
    closed = []
    while (step := host.next_step(new_work=False)) is not None:
        assert isinstance(step, Disconnect)
        closed.append(step.connection)
    assert sorted(closed) == numbers[1:]
    assert host.state is HostState.CLOSING
    for number in numbers[1:]:
        host.connection_ended(number)
    assert host.next_step(new_work=False) is None
    assert host.state is HostState.DOWN


def test_host_back_on_the_network_closes_only_what_has_not_ended_meanwhile():
    host, model = host_that_is_up()
    numbers = [link.number for link in host.links]
    host.impair(Impair(model.ledger.new_op(), "network_cut", 0))
    assert model.ledger.lost_connections == set(numbers)
    assert host.next_step(new_work=True) is None
    host.connection_ended(numbers[-1])
    host.impair(Impair(model.ledger.new_op(), "network_heal", 0))
    closed = []
    while (step := host.next_step(new_work=False)) is not None:
        closed.append(step.connection)
    assert sorted(closed) == numbers[:-1]
