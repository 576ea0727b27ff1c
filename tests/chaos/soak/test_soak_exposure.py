"""A soak's page says in how many runs gates and sequences came, and what never came, lane by lane."""

import msgspec

from chaos.base.process_pool import Ended, Task
from chaos.campaigns.runner import RunResult
from chaos.checkers import Verdict
from chaos.experiment import Act, Experiment
from chaos.run.outcome import PlannedOutcome
from chaos.soak.counting import Counter
from chaos.soak.failure_store import FailureStore
from chaos.soak.ledger import Ledger
from chaos.soak.page import page_of
from chaos.soak.state import Chunk
from chaos.soak.tasks import Ran, SeedsTask
from tests.chaos.soak.test_soak_parts import agenda_of, lane, state_of


def test_page_has_gates_sequences_and_what_never_came(tmp_path):
    one = lane(experiment="failure-during-rebuild")
    acts = (Act(kind="disk_pull"), Act(kind="target_kill"))
    gates = {"sequence_completed": 60}
    directed = Experiment(name="directed", sequence=acts, reach_per_run=gates)
    other = lane()
    other.spec = msgspec.structs.replace(other.spec, experiment=directed)
    state = state_of(one, other)
    counter = Counter(
        state, agenda_of(state, tmp_path), FailureStore(tmp_path, state), Ledger(tmp_path, state)
    )
    outcome = PlannedOutcome({"target_kill": 3}, {"target_kill": 1}, 2, 2, True)
    for number, seed, reach in (
        (0, 4, {"rebuilds_finished": 2}),
        (1, 5, {"sequence_completed": 1}),
    ):
        result = RunResult(seed, Verdict.VALID, [], [], "", 9, 0.1, reach, "", "", outcome=outcome)
        chunk = Chunk(number, seed, 1)
        state.open.append(chunk)
        task = SeedsTask(number, one.spec, (seed,), "", 2)
        counter.count(Ended(Task(None, task), Ran([result], 0.1), False))
    page = page_of(state)
    assert "rebuilds_finished</code></td><td>in 1 of 1 run, first in seed 4" in page
    assert "sequence_completed (60 % wanted)</code></td><td>in 1 of 1 run, first in seed 5" in page
    assert "sequence_item_2, target_kill</code></td><td>in 0 of 1 run" in page
    assert page.count("<td>1 of 3 target_kill</td>") == 2
    assert "Planned, and never came" not in page_of(state_of(lane()))
