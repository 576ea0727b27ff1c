"""Where a script ends, the generator takes over: hosts, operator and nemesis go on from what it has left."""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.plan import Plan
from chaos.run.generator import Generator, Phase
from chaos.run.hosts import Host, HostState
from chaos.run.model import Model
from chaos.scripts.rules import Rules
from chaos.scripts.sessions import Link, LinkState
from chaos.steps.schedule import Operate, Script
from workers.nvmf.controller import ADMIN_QID


def take_over(plan: Plan, model: Model, rules: Rules, script: Script) -> Generator:
    """A generator that heals, waits for what is under way, and audits."""
    generator = Generator(plan, model, Stream(0))
    generator.phase = Phase.HEAL
    generator.operator.adopt(
        [step for step in model.ledger.outstanding.values() if isinstance(step, Operate)],
        rules.rpcs_since_start,
    )
    generator.nemesis.adopt(rules.sessions.heals(), rules.delayed)
    model.ledger.reserve(
        [getattr(item, "op", 0) for item in script],
        [getattr(item, "connection", 0) for item in script],
    )
    for host in generator.hosts:
        _adopt(host, rules.sessions.of(host.number), plan.io_queues)
    return generator


def _adopt(host: Host, links: list[Link], io_queues: int) -> None:
    """Connections that the host has not made itself; those that are no whole session it can only close."""
    host.forget()
    opening = [link for link in links if link.state is LinkState.OPENING]
    closing = [link for link in links if link.state is LinkState.CLOSING]
    usable = [link for link in links if link not in opening and link not in closing]
    host.connections = [link.number for link in (*usable, *closing, *opening)]
    host.threads = [link.thread for link in (*usable, *closing)]
    host.waiting = bool(opening) or any(link.state is LinkState.CONNECTING for link in links)
    if links and [link.state for link in links] == [LinkState.CONNECTED] * (io_queues + 1):
        host.state = HostState.UP
        host.cntlid = links[ADMIN_QID].cntlid
    elif links:
        host.begin_closing()
        host.to_close = [qid for qid in host.to_close if qid < len(usable)]
        host.hurries = False
