"""The interface for tests of a user's own suite: runs, scenarios and replays, with short failures.

The pytest plugin (raidstorm_pytest.py) calls it; nothing here knows pytest.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from chaos.base.interrupt import Interrupt
from chaos.campaigns.campaign import CampaignRequest, Report, run_campaign
from chaos.campaigns.catalog import find_experiment
from chaos.campaigns.runner import RunSpec
from chaos.checkers import Check, Verdict
from chaos.checkers.finding import NAMES
from chaos.drivers.native.opened import allowed
from chaos.drivers.native.process import TargetError
from chaos.drivers.sim import SimDriver
from chaos.judging.judge import judge
from chaos.judging.user_checks import CodeError, embed_check, load_check, load_embedded_check
from chaos.narrating.described import Engine, describe_run
from chaos.plan.driver_names import DRIVERS
from chaos.plan.experiment import Experiment, ExperimentError
from chaos.plan.plan import resolve
from chaos.plan.target_id import TargetId, TargetKind
from chaos.pytesting.test_failure import (
    FailedError,
    Settings,
    replay_failed,
    run_failed,
    with_defects,
)
from chaos.replaying.replay import Replayed, replay_capsule
from chaos.scripts.player import LEFT_OUT, Player
from chaos.steps.schedule import Item, Late, Mark, Rest, describe
from chaos.store.capsule import (
    Capsule,
    CapsuleError,
    DriverName,
    capsule_defect,
    expected_of,
    read_capsule,
    replay_line,
)
from chaos.store.step_validation import step_error
from chaos.store.store import Store, StoreError
from chaos.store.version import tool_version
from workers.defects.loader import DefectError, compose, read_defect
from workers.protocol import DefectSource
from workers.segments import SegmentError

Named = str | os.PathLike[str]
MISTAKES = (
    CapsuleError,
    CodeError,
    DefectError,
    ExperimentError,
    SegmentError,
    StoreError,
    TargetError,
)


class Tester:
    """The runs of one test."""

    def __init__(
        self, experiments: dict[str, Experiment], suites: Collection[str], settings: Settings
    ) -> None:
        self.experiments = experiments
        self.suites = suites
        self.settings = settings

    def run(
        self,
        what: Experiment | Named,
        *,
        seeds: int | None,
        seed: int,
        driver: DriverName | None,
        spdk: Named | None,
        target: Named | None,
        defects: tuple[Named, ...],
        checks: tuple[str | Check, ...],
        expect: int,
    ) -> Report:
        """Run a campaign up to its first failure; raise FailedError unless it ends with the code ``expect``."""
        with self._at_home() as scope:
            if driver is None:
                driver = "sim" if spdk is None and target is None else "native"
            if driver not in DRIVERS:
                raise ExperimentError(
                    f"there is no driver {driver!r}; these are: {', '.join(DRIVERS)}"
                )
            _code_is_known(expect)
            experiment = self._experiment(what, checks)
            sources = _defects(defects)
            tested = self._target(scope, driver, spdk, target)
            if tested is not None and sources:
                raise ExperimentError(
                    "defects are variants of the built-in engine; a target in C has none"
                )
            first, count = self._seeds(seeds, seed, driver)
            spec = RunSpec(
                experiment=experiment,
                driver=driver,
                target=tested,
                defects=sources,
                defect_arguments=tuple(os.fspath(name) for name in defects),
                experiment_argument=experiment.name,
                program=self.settings.program,
                out=self.settings.passing_out() if expect else self.settings.out,
            )
            request = CampaignRequest(
                spec=spec, first_seed=first, seeds=count, seconds=None, jobs=1, stop_on_first=True
            )
            interrupt = Interrupt()
            with interrupt.listening():
                report = run_campaign(request, interrupt, lambda _: None)
            if report.interrupted:
                raise KeyboardInterrupt
            if report.exit_code == Verdict.UNWRITTEN:
                raise StoreError(report.error)
            if report.exit_code != expect:
                raise run_failed(self.settings, report, count, sources, expect)
            return report

    def play(
        self,
        what: Experiment | Named,
        steps: list[Item],
        *,
        seed: int,
        defects: tuple[Named, ...],
        checks: tuple[str | Check, ...],
        expect: int,
    ) -> Replayed:
        """Play a scenario in ``sim``; raise FailedError unless it ends with the code ``expect``."""
        with self._at_home():
            _code_is_known(expect)
            experiment = self._experiment(what, checks)
            sources = _defects(defects)
            plan = resolve(experiment, seed)
            for number, step in enumerate(steps, 1):
                if isinstance(step, Mark):
                    raise CapsuleError("a scenario has no phases; they follow after its last step")
                if isinstance(step, Rest | Late):
                    continue
                wrong = step_error(step, plan.layout, plan.hosts)
                if wrong:
                    raise CapsuleError(f"step {number} of the scenario can't be taken: {wrong}")
            played = Player(plan, SimDriver(), sources).play(steps, to_the_end=True)
            execution = played.execution
            findings = judge(execution, tuple(load_check(path) for path in experiment.checks))
            described = describe_run(execution, findings, seed, engine=Engine(sources))
            replayed = Replayed(
                verdict=described.verdict,
                findings=findings,
                story=described.story,
                fingerprint=execution.fingerprint,
                steps=execution.steps,
            )
            left_out = [
                step
                for step, number in zip(steps, played.numbers, strict=True)
                if number == LEFT_OUT and not isinstance(step, Rest | Late)
            ]
            heading = f"a scenario of {experiment.name}, seed {seed}{with_defects(sources)}"
            if left_out and not findings:
                raise FailedError(
                    f"NOT EXERCISED: {heading}\nits step {describe(left_out[0])} could not be taken"
                )
            if int(replayed.verdict) == expect:
                return replayed
            capsule = Capsule(
                raidstorm_version=tool_version(),
                experiment=experiment,
                seed=seed,
                driver="sim",
                plan=plan,
                defects=[capsule_defect(source) for source in sources],
                checks=[embed_check(path) for path in experiment.checks],
                labels=described.labels,
                schedule=execution.schedule,
                script=steps,
                unfinished="it has not been shrunk",
                expected=expected_of(execution, findings),
            )
            path = Store(Path(self.settings.out)).begin(capsule)
            replay = replay_line(self.settings.program, path, capsule)
            raise replay_failed(heading, replayed, expect, replay)

    def replay(
        self,
        recorded: Capsule | Named,
        *,
        spdk: Named | None,
        target: Named | None,
        defects: tuple[Named, ...] | None,
        allow_code: bool,
        expect: int,
    ) -> Replayed:
        """Replay a recorded run; raise FailedError unless it ends with the code ``expect``."""
        with self._at_home() as scope:
            _code_is_known(expect)
            capsule, where = self._recorded(recorded)
            if capsule.carries_code and not allow_code:
                raise CapsuleError(
                    f"{where} carries code from outside; read it, then pass allow_code=True"
                )
            tested = self._target(scope, capsule.replay_driver, spdk, target)
            sources = capsule.defect_sources() if defects is None else _defects(defects)
            compose(sources)
            checks = tuple(load_embedded_check(code) for code in capsule.checks)
            replayed = replay_capsule(capsule, capsule.replay_driver, sources, checks)
            if int(replayed.verdict) == expect:
                return replayed
            words = [self.settings.program, "replay", shlex.quote(where)]
            for name in (defects or ("none",)) if defects is not None else ():
                words += ["--defect", shlex.quote(os.fspath(name))]
            words += [] if tested is None else [tested.option[0], shlex.quote(tested.option[1])]
            words += ["--allow-code"] if capsule.carries_code else []
            heading = (
                f"{where}: {capsule.experiment.name}, seed {capsule.seed}{with_defects(sources)}"
            )
            raise replay_failed(heading, replayed, expect, " ".join(words))

    @property
    def has_target(self) -> bool:
        """Return whether the session names a target in C."""
        return (self.settings.target or self.settings.default_target) is not None

    def _target(
        self,
        scope: contextlib.ExitStack,
        driver: str,
        spdk: Named | None,
        target: Named | None,
    ) -> TargetId | None:
        """Open the target in C of a run on this driver."""
        own: tuple[TargetKind, str] | None = None
        if spdk is not None:
            own = "spdk", os.fspath(spdk)
        if target is not None:
            if own is not None:
                raise ExperimentError("spdk= and target= each name a target, and a run has one")
            own = "target", os.fspath(target)
        if driver != "native":
            if own is not None:
                raise ExperimentError(f"a target in C runs on the driver native, not on {driver}")
            return None
        named = self.settings.target or own or self.settings.default_target
        if named is None:
            raise ExperimentError(
                "the driver native needs a target: pass spdk=DIR or target=FILE, give --raidstorm-spdk or "
                "--raidstorm-target, or set raidstorm_spdk or raidstorm_target in the ini file"
            )
        return scope.enter_context(allowed(*named))

    @contextlib.contextmanager
    def _at_home(self) -> Iterator[contextlib.ExitStack]:
        """Resolve names as the command line does, and turn a user's mistake into one sentence."""
        try:
            with contextlib.chdir(self.settings.home), contextlib.ExitStack() as scope:
                yield scope
        except MISTAKES as error:
            raise FailedError(f"raidstorm: {error}") from None

    def _seeds(self, seeds: int | None, seed: int, driver: str) -> tuple[int, int]:
        if self.settings.seed is not None:
            return self.settings.seed, self.settings.seeds or 1
        return seed, self.settings.seeds or seeds or DRIVERS[driver].gate_runs_min

    def _experiment(self, what: Experiment | Named, checks: tuple[str | Check, ...]) -> Experiment:
        if isinstance(what, Experiment):
            # It is checked like an experiment that is found by its name.
            experiment = find_experiment(what.name, {what.name: what})
        elif isinstance(what, str) and what in self.suites:
            raise ExperimentError(f"{what} is a suite; a test runs one of its experiments")
        elif isinstance(what, str | os.PathLike):
            experiment = find_experiment(os.fspath(what), self.experiments)
        else:
            raise ExperimentError(
                f"{what!r} is no experiment; give a value of chaos.plan.experiment.Experiment, a name, a file or module:NAME"
            )
        paths = (*experiment.checks, *map(_path_of, checks))
        for path in paths:
            load_check(path)
        return msgspec.structs.replace(experiment, checks=paths)

    def _recorded(self, recorded: Capsule | Named) -> tuple[Capsule, str]:
        if isinstance(recorded, Capsule):
            folder = Store(Path(self.settings.passing_out())).begin(recorded)
            return recorded, str(folder / "capsule.json")
        path = Path(recorded)
        return read_capsule(path / "capsule.json" if path.is_dir() else path), str(path)


def command_name(script: str, module: str, home: Path | None) -> str:
    """Return the command line of a command of this environment, as typed in ``home``, or anywhere if that is None."""
    path, rest = Path(sys.executable).with_name(script), ""
    found = shutil.which(script)
    if found is not None and Path(found).resolve() == path.resolve():
        return script
    if not path.exists():
        path, rest = Path(sys.executable), f" -m {module}"
    if home is not None and path.is_relative_to(home):
        path = path.relative_to(home)
    return shlex.quote(str(path)) + rest


def _path_of(check: str | Check) -> str:
    if isinstance(check, str):
        return check
    module, name = getattr(check, "__module__", ""), getattr(check, "__qualname__", "")
    if not name.isidentifier() or getattr(sys.modules.get(module), name, None) is not check:
        raise CodeError(
            f"the check {name or check!r} is not a function of a module, so a capsule can't carry it; "
            "define it at a module's top"
        )
    return f"{module}:{name}"


def _defects(names: tuple[Named, ...]) -> tuple[DefectSource, ...]:
    sources = tuple(read_defect(os.fspath(name)) for name in names)
    compose(sources)
    return sources


def _code_is_known(code: int) -> None:
    known_codes = [verdict for verdict in Verdict if verdict is not Verdict.UNWRITTEN]
    if code not in known_codes:
        known = ", ".join(f"{verdict:d} {NAMES[verdict]}" for verdict in known_codes)
        raise ExperimentError(f"expect={code!r} is no exit code of a run; the codes are: {known}")
