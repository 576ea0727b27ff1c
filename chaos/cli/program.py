"""The command ``raidstorm``: its commands in groups, with a line for each. None of them is imported until it is typed."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from chaos.cli.lazy import LazyCommands
from chaos.cli.parameters import LOUDNESS, Loudness
from workers.spelling import did_you_mean

# The one list of commands; each is a module of chaos/cli/commands/. A line has room for 60 characters.
SECTIONS = {
    "Run": {
        "run": "run experiments or suites, and judge every run",
        "suite": "run a suite, with a summary and JUnit for CI",
        "soak": "run fresh seeds of a suite for hours",
        "plan": "show what a seed makes of an experiment; run nothing",
        "list": "list experiments, faults, checks and all other names",
    },
    "Understand": {
        "replay": "run a recorded run again, step for step",
        "shrink": "find the smallest run that fails in the same way",
        "explain": "explain how a run fails, in sentences for an issue",
        "repro": "measure how often a failure occurs",
        "check": "judge stored runs again with the present checks",
        "state": "show the engine's state at a step, as SPDK's RPCs would",
        "crash-points": "restart after every write and answer of a run, and judge it",
    },
    "Keep": {
        "adopt": "keep a failure as a regression",
        "known": "list or add failures that are known, for --known",
        "regress": "check regressions",
        "export": "write a run for Perfetto, for pytest or for an issue",
    },
    "Compare with SPDK": {
        "conform": "play recorded answers of a real SPDK on the engine",
        "walk": "send random requests to the engine and to SPDK's code",
    },
    "Maintain": {
        "validate": "check files: experiments, suites, defects, capsules",
        "score": "measure how often and how soon known defects are found",
        "superblock": "read a RAID superblock from a disk or an image",
        "doctor": "check this machine, and remove what killed runs left",
        "completion": "print the script for Tab completion",
    },
}
LINES = {name: line for commands in SECTIONS.values() for name, line in commands.items()}


class Program(click.Group):
    """A group that shows its commands in sections, and says which one a mistyped name may mean."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections; no command is imported for its line."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Look a command up, or fail with a sentence."""
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            hint = did_you_mean(name, self.commands) or "; 'raidstorm --help' lists the commands"
            ctx.fail(f"there is no command {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; with -v, print the traceback of a user's own code that raised something."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            details = getattr(error, "details", "")
            if details and ctx.meta.get(LOUDNESS) is Loudness.VERBOSE:
                click.echo(details, err=True, nl=False)
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete commands and options; no command is imported for its name."""
        found = [
            CompletionItem(name, help=line)
            for name, line in LINES.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from chaos.store.version import tool_version  # it reads the package's metadata

    click.echo(f"raidstorm, version {tool_version()}")
    ctx.exit()


@click.command(
    cls=Program,
    commands=LazyCommands("chaos.cli.commands", list(LINES)),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  raidstorm run smoke                       everything once, in a minute
  raidstorm run swarm --seeds 2000 --jobs 2
  raidstorm replay runs/latest-failure
  raidstorm run --help                      options and examples of a command""",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def program() -> None:
    """Find out whether some interleaving of disk failure, rebuild, client connect and crash breaks a
    RAID1 target. Every run is chosen by a seed, judged, and replayable.

    Exit codes: 0 valid, 1 wrong data or another check broken, 2 usage, 3 could not decide, 4 something
    never finished, 5 the target crashed, 6 two runs of a seed differ, 7 not exercised or a replay that
    no longer applies, 70 raidstorm itself broke, 130 interrupted.
    """
