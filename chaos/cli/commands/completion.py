"""``raidstorm completion``: the script for Tab."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from chaos.cli.parameters import OneOf

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_RAIDSTORM_COMPLETE"  # click's own name for it
HOW_TO_LOAD = """\b
Examples:
  bash   eval "$(raidstorm completion bash)"    in ~/.bashrc
  zsh    eval "$(raidstorm completion zsh)"     in ~/.zshrc
  fish   raidstorm completion fish | source     in ~/.config/fish/config.fish"""


@click.command("completion", epilog=HOW_TO_LOAD)
@click.argument("shell", type=OneOf(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script with which a shell completes commands, options, and names of experiments, suites, defects,
    drivers and strategies.
    """
    completion = get_completion_class(shell)
    assert completion is not None, "click knows these shells"
    root = context.find_root().command
    click.echo(completion(root, {}, "raidstorm", VARIABLE).source())
