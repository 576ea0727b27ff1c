"""``raidstorm soak``: its arguments."""

from __future__ import annotations

import re
from typing import Any

import click

from chaos.cli.commands.run import known_option
from chaos.cli.completion import complete_suites
from chaos.cli.parameters import JOBS_MAX, Catalog, Count, Duration, examples, target_options
from chaos.plan.driver_names import DRIVERS
from workers.spelling import did_you_mean


class Drivers(click.ParamType[tuple[str, ...]]):
    """Drivers with commas between."""

    name = "drivers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Parse, or fail with a sentence; none is kept twice."""
        names = str(value).split(",")
        for name in names:
            if name not in DRIVERS:
                hint = did_you_mean(name, DRIVERS)
                drivers = ",".join(DRIVERS)
                self.fail(f"{name!r} is not a driver; take some of {drivers}{hint}", param, ctx)
        return tuple(dict.fromkeys(names))


class Size(click.ParamType[int]):
    """Bytes: 500m, 2g."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse, or fail with a sentence."""
        match = re.fullmatch(r"([0-9]{1,9})([kmgt]?)", str(value).lower())
        if match is None or int(match[1]) == 0:
            self.fail(f"{value!r} is not a size; write 500m or 2g", param, ctx)
        return int(match[1]) << 10 * " kmgt".index(match[2] or " ")


@click.command(
    "soak",
    epilog=examples(
        "soak soak --for 8h --jobs 2 --drivers sim,lockstep,realtime",
        "soak --resume runs/soak/latest",
        "soak smoke --on-failure 'mail -s \"$RAIDSTORM_SIGNATURE\" me'",
    ),
)
@click.argument(
    "name",
    required=False,
    metavar="SUITE|module:NAME|FILE.py|FILE.toml",
    shell_complete=complete_suites,
)
@click.option("--for", "seconds", type=Duration(), help="How long: 20s, 5m, 8h.  [8h]")
@click.option("--runs", type=Count(1), help="End after this number of runs, or after its time.")
@click.option("--jobs", type=Count(1, JOBS_MAX), help="Job processes.  [1]")
@click.option(
    "--drivers",
    type=Drivers(),
    metavar=",".join(DRIVERS),
    help="Run each experiment with these.  [those of the suite's facets]",
)
@click.option("--keep", type=Count(1), help="Failing runs kept of a signature.  [20]")
@click.option(
    "--canary-every",
    type=Duration(),
    help="How often the canaries run: the suite's facets that must fail.  [1h]",
)
@click.option("--disk-max", type=Size(), help="The size limit of its directory: 500m, 2g.  [2g]")
@click.option("--seed-max", type=Duration(), help="A seed that takes longer has failed.  [2m]")
@click.option(
    "--on-failure",
    metavar="COMMAND",
    help="Run by the shell once per new signature, with RAIDSTORM_SIGNATURE, _SUMMARY, _CODE, _RUN_DIR, _REPLAY and "
    "_SOAK set; its output goes to on-failure.log.",
)
@click.option("--metrics", metavar="ADDRESS:PORT", help="Serve metrics for Prometheus.")
@click.option("--out", metavar="DIR", help="The parent of its directory.  [runs/soak]")
@click.option(
    "--resume",
    metavar="DIR",
    help="Continue the soak in this directory, with its own suite and options.",
)
@known_option
@target_options
@click.pass_obj
def command(catalog: Catalog, /, **given: Any) -> int:
    """Run fresh seeds of a suite for hours, unattended.

    First the failures of earlier soaks in the same place run again; then seeds that none of them had. Drivers get
    equal time, and a driver's facets get seeds by their shares; the budgets of facets don't count here. Failures are
    grouped by signature: of each the smallest runs are kept, and the smallest is shrunk during the soak. A seed
    that takes too long has failed; one whose process is killed twice could not be decided.

    soak.html in its directory is written every minute. A soak that was killed or interrupted continues with --resume:
    no seed is lost, and none counts twice. Exits with the code of the worst failure, with 7 when a canary was missed.
    """
    from chaos.cli.soak import SoakArguments, run

    return run(catalog, SoakArguments(**given))
