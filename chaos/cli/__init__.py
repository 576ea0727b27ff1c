"""The command line: one module a command. What is printed is chaos/cli/screen.py; what is done is elsewhere."""

from __future__ import annotations

import sys
import traceback

import click

from chaos.base.interrupt import InterruptedRunError
from chaos.campaigns.suite import SuiteError
from chaos.checkers import Verdict
from chaos.cli.adopt import adopt_command, regress_command
from chaos.cli.check import check_command
from chaos.cli.completion import completion_command
from chaos.cli.explain import explain_command
from chaos.cli.export import export_command
from chaos.cli.look import doctor_command, list_command
from chaos.cli.parameters import INTERRUPTED, Catalog, Suites
from chaos.cli.plan import plan_command
from chaos.cli.replay import replay_command
from chaos.cli.repro import repro_command
from chaos.cli.run import run_command
from chaos.cli.score import score_command
from chaos.cli.shrink import shrink_command
from chaos.cli.soak import soak_command
from chaos.cli.state import crash_points_command, state_command
from chaos.cli.suite import suite_command
from chaos.cli.superblock import superblock_group
from chaos.cli.validate import validate_command
from chaos.clustering.remote_job import ClusterError
from chaos.judging.user_checks import CodeError
from chaos.plan.experiment import Experiment, ExperimentError
from chaos.run.driver import DriverError
from chaos.scoring.scorecard import ScoreError
from chaos.shrinking.shrinker import ShrinkError
from chaos.soak.state import SoakError
from chaos.store.capsule import CapsuleError
from chaos.store.store import StoreError
from chaos.store.stored import StoredError
from chaos.store.version import tool_version
from workers.defects.loader import DefectError
from workers.segments import SegmentError

USAGE = 2
USER_ERRORS = (
    CapsuleError,
    ClusterError,
    CodeError,
    DefectError,
    ExperimentError,
    ScoreError,
    ShrinkError,
    SoakError,
    SegmentError,
    StoredError,
    StoreError,
    SuiteError,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(tool_version(), prog_name="raidstorm")
def program() -> None:
    """Find out whether some interleaving of disk failure, rebuild, client connect and crash breaks a
    RAID1 target. Every run is chosen by a seed, judged, and replayable.

    Exit codes: 0 valid, 1 wrong data or another check broken, 2 usage, 3 could not decide, 4 something
    never finished, 5 the target crashed, 6 two runs of a seed differ, 7 not exercised or a replay that
    no longer applies, 70 raidstorm itself broke, 130 interrupted.
    """


COMMANDS = (
    list_command,
    run_command,
    suite_command,
    soak_command,
    plan_command,
    validate_command,
    score_command,
    replay_command,
    repro_command,
    shrink_command,
    adopt_command,
    regress_command,
    explain_command,
    check_command,
    export_command,
    state_command,
    crash_points_command,
    superblock_group,
    doctor_command,
    completion_command,
)
for command in COMMANDS:
    program.add_command(command)


def run_command_line(experiments: dict[str, Experiment], suites: Suites) -> None:
    """Run the command line and exit with the code of the outcome."""
    code = int(Verdict.BROKEN)
    try:
        code = program(obj=Catalog(experiments, suites), standalone_mode=False) or 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = USAGE
    except USER_ERRORS as error:
        click.echo(f"raidstorm: {error}", err=True)
        code = USAGE
    except DriverError as error:
        click.echo(f"raidstorm: {error}", err=True)
    except MemoryError as error:
        click.echo(f"raidstorm: out of memory{f' ({error})' if str(error) else ''}", err=True)
        code = int(Verdict.UNKNOWN)
    except (KeyboardInterrupt, InterruptedRunError, click.Abort, BrokenPipeError):
        code = INTERRUPTED
    except Exception:  # noqa: BLE001  # the process's edge
        traceback.print_exc()
        click.echo(
            "raidstorm: this is a defect of raidstorm itself; please report it with the lines above",
            err=True,
        )
    sys.exit(code)
