"""A host that has heard of a change: some leave at once, as one whose operator reacts to the event."""

from chaos.drivers.sim import SimDriver
from chaos.plan.experiment import Experiment, Operation
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from chaos.steps.history import Completed, Invoked
from chaos.steps.schedule import Admin, Disconnect
from workers.nvmf.status import AdminOpcode

SOON = 60  # steps
# A host with so much to do leaves for no other reason.
CHANGING = Experiment(
    name="changing",
    hosts=1,
    ios_per_connection=10_000,
    event_requests_share=100,
    operations=(Operation(kind="namespace_detach", count=2),),
)


def left_soon(seed: int) -> bool:
    """Return whether the host closed a connection soon after it heard of a change, before the chaos was over."""
    execution = Controller(resolve(CHANGING, seed), SimDriver(), ()).explore(seed)
    requests, heard = set(), None
    for entry in execution.history:
        if isinstance(entry, Invoked):
            step = entry.step
            if isinstance(step, Admin) and step.opcode == AdminOpcode.ASYNC_EVENT_REQUEST:
                requests.add(step.op)
            elif getattr(step, "phase", "") == "heal":
                return False
            elif isinstance(step, Disconnect) and heard is not None and entry.number < heard + SOON:
                return True
        elif isinstance(entry, Completed) and entry.op in requests:
            heard = entry.number
    return False


def test_some_hosts_leave_soon_after_an_event_and_most_stay():
    left = sum(left_soon(seed) for seed in range(40))
    assert 3 <= left <= 25, left
