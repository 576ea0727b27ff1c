"""The wire: values arrive equal, and the engine can't notice it."""

from chaos.drivers.sim import SimDriver
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
from workers.protocol import (
    Frame,
    Perform,
    Performed,
    command_decoder,
    encode,
    reply_decoder,
)


class WireDriver(SimDriver):
    """``sim`` with everything encoded and decoded on its way."""

    def perform(self, step):
        command = command_decoder.decode(encode(Perform(step, [])))
        outcome = self.workers[step.reactor].perform(command.step)
        reply = reply_decoder.decode(encode(Performed(step.reactor, outcome)))
        for message in reply.outcome.outgoing:
            self.send(message)
        return reply.outcome

    def send(self, message):
        frame = command_decoder.decode(encode(Frame(-1, 0, 0, [message])))
        super().send(frame.messages[0])


def test_sim_through_the_wire_codec_is_the_same_run():
    for name in ("disk-failure", "connect-during-rebuild"):
        for seed in range(15):
            plan = resolve(EXPERIMENTS[name], seed)
            plain = Controller(plan, SimDriver(), ()).explore(seed)
            wired = Controller(plan, WireDriver(), ()).explore(seed)
            assert plain.fingerprint == wired.fingerprint
            assert plain.history == wired.history
