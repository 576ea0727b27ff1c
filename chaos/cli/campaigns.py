"""What the commands ``run`` and ``suite`` have in common: campaigns one after the other, on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaos.base.interrupt import Interrupt
from chaos.base.process_pool import Pool
from chaos.campaigns.campaign import CampaignRequest, Report, run_campaign
from chaos.campaigns.runner import RunResult
from chaos.campaigns.suite import Facet
from chaos.campaigns.suite_run import FacetOutcome, Part, prepare
from chaos.cli.canary import show_canary
from chaos.cli.parameters import Catalog, command_name
from chaos.cli.screen import Screen, state_of


def looked_up(catalog: Catalog, facets: Sequence[Facet], jobs: int, out: str) -> list[Part]:
    """All of them before the first one runs."""
    return [
        prepare(
            catalog.experiments, catalog.suites, facet, jobs=jobs, out=out, program=command_name()
        )
        for facet in facets
    ]


def campaigns_on(
    screen: Screen, interrupt: Interrupt, open_pool: Callable[[], Pool] | None = None
) -> Callable[[CampaignRequest, int], Report]:
    """Runs a campaign with its heading, progress and report on the screen; over a pool, if somebody opens one."""

    def run(request: CampaignRequest, expect_code: int) -> Report:
        name = request.spec.experiment.name
        failed = 0
        screen.say()
        screen.say(_heading(request), "bold")
        with screen.progress(name, request.seeds) as progress:
            task = progress.task_ids[0]

            def show(result: RunResult) -> None:
                nonlocal failed
                failed += bool(result.findings)
                progress.update(task, advance=1, state=state_of(result, failed))

            report = run_campaign(request, interrupt, show, open_pool and open_pool())
        screen.report(report, expect_code)
        return report

    return run


def _heading(request: CampaignRequest) -> str:
    spec = request.spec
    last = "..." if request.seeds is None else f"..{request.first_seed + request.seeds - 1}"
    heading = f"{spec.experiment.name}: driver {spec.driver}, seeds {request.first_seed}{last}"
    if request.seconds is not None:
        heading += f", for {request.seconds:g} s"
    if spec.defects:
        heading += ", with defect " + ", ".join(defect.id for defect in spec.defects)
    return heading


def show_canaries(
    screen: Screen, ended: Sequence[tuple[FacetOutcome, Report]], interrupt: Interrupt
) -> None:
    """Each part that had to fail and did: its failure, shrunk."""
    for outcome, report in ended:
        if outcome.facet.expect_code and report.exit_code == outcome.facet.expect_code:
            show_canary(screen, report, command_name(), interrupt)
