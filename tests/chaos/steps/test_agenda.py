"""The agenda has exactly the steps that the reactors offer."""

from chaos.drivers.sim import SimDriver
from chaos.plan.plan import resolve
from chaos.run.controller import Controller
from experiments.catalog import EXPERIMENTS
from workers.protocol import FireTimer


def test_agenda_and_reactors_agree_at_every_step():
    for seed in range(6):
        plan = resolve(EXPERIMENTS["connect-during-rebuild"], seed)
        driver = SimDriver()
        controller = Controller(plan, driver, ())
        take = controller.take

        def checked(step, controller=controller, driver=driver, take=take):
            take(step)
            possible = {s for worker in driver.workers for s in worker.reactor.pending()}
            assert {s for s in possible if not isinstance(s, FireTimer)} == {
                s for s in controller.agenda.choices if not isinstance(s, FireTimer)
            }
            assert len(controller.agenda.choices) == len(set(controller.agenda.choices))

        controller.take = checked
        assert controller.explore(seed).steps > 300


def test_timers_come_in_deadline_order():
    from chaos.steps.agenda import Agenda
    from workers.protocol import Outcome

    agenda = Agenda()
    late, early = FireTimer(0, 200, 1, 1), FireTimer(1, 100, 2, 1)
    for timer in (late, early):
        agenda.absorb(Outcome([], [], [], [timer], [], []))
    assert agenda.choices == [early]
    agenda.took(early)
    assert agenda.choices == [late]
    agenda.took(late)
    assert not agenda.choices
