"""``raidstorm check``: judge stored runs again. Nothing is executed."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from chaos.checkers import CHECKS, Check, Finding, Verdict
from chaos.checkers.finding import DETERMINISM, NAMES, SEVERITY, worst
from chaos.cli.completion import complete_checks, complete_files
from chaos.cli.screen import Screen
from chaos.judging.judge import judge, verdict_of
from chaos.judging.user_checks import load_check, load_embedded_check
from chaos.showing.described import describe_run
from chaos.store.stored import StoredError, StoredRun, read_run


class Checked(msgspec.Struct, frozen=True):
    """One stored run, judged today."""

    run_dir: str
    experiment: str
    driver: str
    seed: int
    defects: list[str]
    code: int
    verdict: str
    findings: list[Finding]
    story: list[str]
    as_stored: bool
    stored_code: int
    stored_findings: list[Finding]  # of the checks that were asked today
    replay: str


@click.command("check")
@click.argument(
    "targets", nargs=-1, required=True, metavar="RUN_DIR...", shell_complete=complete_files
)
@click.option(
    "--check",
    "names",
    multiple=True,
    metavar="NAME|module:NAME",
    shell_complete=complete_checks,
    help="Ask only this check; repeatable. A dotted path is imported, as it is today.",
)
@click.option("--allow-code", is_flag=True, help="Run checks that a capsule carries, or a path.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def check_command(
    targets: tuple[str, ...], names: tuple[str, ...], allow_code: bool, output: str
) -> int:
    """Judge stored runs again with the checks of today, and say what differs from the stored result.

    Nothing is executed: the checks get what the run directory has. Of runs that pass only the line in
    index.jsonl is kept, so only failing ones can be judged again.
    """
    for name in names:
        if name not in CHECKS and ":" not in name:
            raise click.UsageError(f"no check is named {name}; these are: {', '.join(CHECKS)}")
        if name not in CHECKS and not allow_code:
            raise click.UsageError(f"{name} is code from outside; read it, then use --allow-code")
    imported = tuple(load_check(name) for name in names if name not in CHECKS)
    # All are read before the first is judged: a missing file must not show after a long list.
    runs = [(target, read_run(_folder(target))) for target in targets]
    for target, run in runs:
        if run.capsule.checks and not names and not allow_code:
            raise StoredError(
                f"{target} carries checks; read them, then use --allow-code (or --check with the names of "
                "built-in ones)"
            )
    checked = [_check(target, run, names, imported) for target, run in runs]
    code = int(worst([Verdict(one.code) for one in checked]))
    if output == "json":
        whole = {"exit_code": code, "runs": checked}
        sys.stdout.buffer.write(msgspec.json.encode(whole) + b"\n")
        sys.stdout.flush()
    else:
        _show(checked)
    return code


def _folder(target: str) -> Path:
    """The run directory; its capsule may be named as well."""
    path = Path(target)
    return path.parent if path.name == "capsule.json" else path


def _check(
    target: str, run: StoredRun, names: tuple[str, ...], imported: tuple[Check, ...]
) -> Checked:
    capsule, stored = run.capsule, run.result
    if names:
        findings = judge(run.execution, imported, names)
        then = [finding for finding in stored.findings if finding.check in names]
        now = [finding for finding in findings if finding.check in names]
    else:
        carried = tuple(load_embedded_check(code) for code in capsule.checks)
        # What two runs of the seed have shown, one execution can't.
        twice = [finding for finding in stored.findings if finding.check == DETERMINISM]
        findings = [*judge(run.execution, carried), *twice]
        findings.sort(key=lambda finding: SEVERITY.index(finding.verdict))
        now, then = findings, stored.findings
    described = describe_run(run.execution, findings, capsule.seed, capsule.labels)
    verdict = described.verdict
    return Checked(
        run_dir=target,
        experiment=stored.experiment,
        driver=stored.driver,
        seed=stored.seed,
        defects=stored.defects,
        code=int(verdict),
        verdict=verdict.name.lower(),
        findings=findings,
        story=described.story,
        as_stored=_gist(now) == _gist(then),
        stored_code=int(verdict_of(then)),
        stored_findings=then,
        replay=stored.replay,
    )


def _gist(findings: list[Finding]) -> list[tuple[str, int, int]]:
    """What makes findings the same, however they are worded; in no particular order."""
    return sorted((finding.signature, finding.step, int(finding.verdict)) for finding in findings)


def _show(checked: list[Checked]) -> None:
    screen = Screen(quiet=False)
    for one in checked:
        defects = f", with defect {', '.join(one.defects)}" if one.defects else ""
        screen.say(
            f"{one.run_dir}: {one.experiment}, driver {one.driver}, seed {one.seed}{defects}"
        )
        first = one.findings[0] if one.findings else None
        signature = f": {first.signature}" if first is not None else ""
        screen.say(f"  {NAMES[one.code]}{signature}", "bold red" if one.code else "bold green")
        for finding in one.findings:
            screen.say(f"  {finding.check}: {finding.summary}")
            # The story has those of the first.
            for line in finding.waits if finding is not first else ():
                screen.say(f"    {line}")
        for line in one.story:
            screen.say(f"    {line}")
        screen.say(f"  {_remark(one)}", None if one.as_stored else "yellow")
        screen.say(f"  replay: {one.replay}", "bold")
    if len(checked) > 1:
        differing = sum(not one.as_stored for one in checked)
        screen.say(f"{len(checked)} runs judged, {differing} not as stored")


def _remark(one: Checked) -> str:
    if one.as_stored:
        return "as stored"
    signatures = [finding.signature for finding in one.stored_findings]
    was = ", ".join([NAMES[one.stored_code], *dict.fromkeys(signatures)])
    return f"differs: was {was}"
