"""The generator after the end of a script: hosts, operator and nemesis continue from the script's last state."""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.plan import Plan
from chaos.run.generator import Generator, Phase
from chaos.run.model import Model
from chaos.scripts.rules import Rules
from chaos.steps.schedule import Operate, Script


def take_over(plan: Plan, model: Model, rules: Rules, script: Script) -> Generator:
    """Return a generator that heals, waits for what is in flight, and audits."""
    generator = Generator(plan, model, Stream(0))
    generator.phase = Phase.ALONE if plan.alone else Phase.HEAL
    generator.alone.adopt()
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
        host.adopt(rules.sessions.of(host.number))
    return generator
