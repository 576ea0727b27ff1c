"""``raidstorm check``: judge stored runs again. Nothing is executed."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from chaos.checkers import CHECKS, Check, Finding, Verdict
from chaos.checkers.finding import DETERMINISM, NAMES, SEVERITY, worst
from chaos.cli.parameters import Loudness, command_name
from chaos.cli.screen import Screen, count, print_json
from chaos.judging.judge import judge, verdict_of
from chaos.judging.user_checks import load_check, load_embedded_check
from chaos.narrating.described import describe_run
from chaos.store.capsule import replay_line
from chaos.store.stored import StoredError, StoredResult, StoredRun, read_run
from workers.spelling import did_you_mean


class CheckArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    targets: tuple[str, ...]
    names: tuple[str, ...] = ()
    allow_code: bool = False
    loudness: Loudness = Loudness.NORMAL
    output: str = "text"


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


def run(arguments: CheckArguments) -> int:
    """Judge the runs, print what was found, and return the exit code of the worst."""
    checked = execute(arguments)
    code = int(worst([Verdict(one.code) for one in checked]))
    if arguments.output == "json":
        print_json({"exit_code": code, "runs": checked})
    else:
        _show(Screen(arguments.loudness), checked, code)
    return code


def execute(arguments: CheckArguments) -> list[Checked]:
    """Read all the runs, then judge them."""
    names = arguments.names
    for name in names:
        if name not in CHECKS and ":" not in name:
            hint = did_you_mean(name, CHECKS) or f"; these are: {', '.join(CHECKS)}"
            raise click.UsageError(f"no check is named {name}{hint}")
        if name not in CHECKS and not arguments.allow_code:
            raise click.UsageError(f"{name} is code from outside; read it, then use --allow-code")
    imported = tuple(load_check(name) for name in names if name not in CHECKS)
    # All are read before the first is judged: a missing file must not show after a long list.
    runs = [(target, read_run(_folder(target))) for target in arguments.targets]
    for target, stored in runs:
        if stored.capsule.checks and not names and not arguments.allow_code:
            raise StoredError(
                f"{target} carries checks; read them, then use --allow-code (or --check with the names of "
                "built-in ones)"
            )
    return [_check(target, stored, names, imported) for target, stored in runs]


def _folder(target: str) -> Path:
    """Return the run directory; its capsule may be named as well."""
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
        story=_story(stored, findings) or described.story,
        as_stored=_gist(now) == _gist(then),
        stored_code=int(verdict_of(then)),
        stored_findings=then,
        replay=replay_line(command_name(), target, capsule),
    )


def _story(stored: StoredResult, findings: list[Finding]) -> list[str]:
    """Return the stored story of a finding that is still the first: it has more, since the run was taken again for it."""
    return stored.story if _gist(findings[:1]) == _gist(stored.findings[:1]) else []


def _gist(findings: list[Finding]) -> list[tuple[str, int, int]]:
    """Return what makes findings equal, however they are worded; in no particular order."""
    return sorted((finding.signature, finding.step, int(finding.verdict)) for finding in findings)


def _show(screen: Screen, checked: list[Checked], code: int) -> None:
    for one in checked:
        _show_one(screen, one, is_alone=len(checked) == 1)
    differing = sum(not one.as_stored for one in checked)
    if len(checked) > 1:
        word = "FAIL" if code else "PASS"
        screen.verdict(
            f"{word}  {count(len(checked), 'run')} judged, {differing} not as stored",
            "bold red" if code else "bold green",
        )


def _show_one(screen: Screen, one: Checked, *, is_alone: bool) -> None:
    first = one.findings[0] if one.findings else None
    signature = f": {first.signature}" if first is not None else ""
    defects = f", with {', '.join(one.defects)}" if one.defects else ""
    word, style = ("FAIL", "red") if one.code else ("PASS", "green")
    line = f"{word}  {one.experiment}  {one.driver}  seed {one.seed}   {one.run_dir}"
    (screen.verdict if is_alone else screen.say)(line, style)
    screen.say(f"  {NAMES[one.code]}{signature}{defects}", "bold" if one.code else None)
    for finding in one.findings if screen.is_verbose else one.findings[:1]:
        screen.say(f"  {finding.check}: {finding.summary}")
        # The story has those of the first.
        for line in finding.waits if finding is not first else ():
            screen.say(f"    {line}")
    more = len(one.findings) - 1
    if more > 0 and not screen.is_verbose:
        screen.say(f"  and {count(more, 'more finding')}; -v prints all")
    for line in one.story:
        screen.say(f"    {line}")
    screen.say(f"  {_remark(one)}", None if one.as_stored else "yellow")
    screen.say(f"  replay: {one.replay}", "bold")


def _remark(one: Checked) -> str:
    if one.as_stored:
        return "as stored"
    signatures = [finding.signature for finding in one.stored_findings]
    was = ", ".join([NAMES[one.stored_code], *dict.fromkeys(signatures)])
    return f"differs: was {was}"
