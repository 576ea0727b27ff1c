"""The pytest plugin that comes with raidstorm: the fixture ``raidstorm``, and options ``--raidstorm-...``.

It is imported in every pytest session of an environment that has raidstorm, so it imports nothing of the program until a
test asks for the fixture, and lies outside the packages, whose names other software may use there. What the fixture
does is chaos/pytesting/testing.py.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from chaos.campaigns.campaign import Report
    from chaos.checkers import Check
    from chaos.plan.experiment import Experiment
    from chaos.plan.target_id import TargetKind
    from chaos.pytesting.testing import Tester
    from chaos.replaying.replay import Replayed
    from chaos.steps.schedule import Item
    from chaos.store.capsule import Capsule, DriverName

HOME = Path(__file__).resolve().parent
PACKAGES = ("chaos", "workers", "experiments", "raidstorm")
SHRINK_SECONDS = 15.0
TARGETS: dict[TargetKind, str] = {
    "spdk": "the SPDK tree (see docs/real-spdk.md)",
    "target": "the target in C (see docs/own-target.md)",
}
Result = TypeVar("Result")


class AsTheyAre(MetaPathFinder):
    """Finds raidstorm's own modules before pytest's import hook does.

    pytest rewrites the assertions of every distribution that brings a plugin. The engine's are its crashes: with other
    texts, a crash in a test had not the fingerprint that it has when it is replayed.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of the packages beside this file; None for all others, of whatever name."""
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or HOME not in Path(spec.origin).resolve().parents:
            return None
        return spec


sys.meta_path.insert(0, AsTheyAre())


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options for every test that uses the fixture."""
    group = parser.getgroup("raidstorm", "chaos testing of mirrored storage")
    group.addoption(
        "--raidstorm-seeds",
        type=_count,
        metavar="N",
        help="run this many seeds in each raidstorm.run(), whatever the test says",
    )
    group.addoption(
        "--raidstorm-seed",
        type=_seed,
        metavar="S",
        help="run this seed alone, or with --raidstorm-seeds from it on; a failing test names it",
    )
    group.addoption(
        "--raidstorm-out",
        metavar="DIR",
        help="where failing runs are kept [runs, in the rootdir]",
    )
    group.addoption(
        "--raidstorm-shrink",
        type=_seconds,
        default=SHRINK_SECONDS,
        metavar="SECONDS",
        help="how long a failing run may be made smaller; 0: not at all [%(default)g]",
    )

    for kind, what in TARGETS.items():
        group.addoption(
            f"--raidstorm-{kind}",
            metavar="DIR" if kind == "spdk" else "FILE",
            help=f"{what} to test in every run on the driver native, whatever the test says",
        )
        parser.addini(
            f"raidstorm_{kind}",
            f"{what} to test in runs on the driver native that name none; relative to the rootdir",
        )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seeds from 1 on")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**53:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a seed; a seed is a whole number from 0 on"
        )
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


@pytest.fixture
def raidstorm(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Raidstorm:
    """Run experiments and recorded runs against the engine; a failure is shown shrunk, with a line to replay it."""
    import raidstorm as entry_point

    wrong = entry_point.what_is_wrong()
    if wrong:
        pytest.fail(f"raidstorm: {wrong}", pytrace=False)
    from chaos.pytesting.test_failure import Settings
    from chaos.pytesting.testing import Tester, command_name
    from experiments.catalog import EXPERIMENTS
    from experiments.suites import SUITES

    config = request.config
    home, here = config.rootpath, config.invocation_params.dir
    asked = config.getoption("raidstorm_out")
    kept = here / asked if asked else home / "runs"
    if here == home:
        # Names are short then, and as the command line itself would print them.
        kept = Path(os.path.relpath(kept, home)) if kept.is_relative_to(home) else kept
    settings = Settings(
        home=str(home),
        out=str(kept),
        passing_out=lambda: str(tmp_path_factory.mktemp("raidstorm", numbered=True)),
        seeds=config.getoption("raidstorm_seeds"),
        seed=config.getoption("raidstorm_seed"),
        shrink_seconds=config.getoption("raidstorm_shrink"),
        target=_named({kind: config.getoption(f"raidstorm_{kind}") for kind in TARGETS}, here),
        default_target=_named({kind: config.getini(f"raidstorm_{kind}") for kind in TARGETS}, home),
        program=command_name("raidstorm", "experiments", home if here == home else None),
        pytest=command_name("pytest", "pytest", home if here == home else None),
        test=request.node.nodeid if here == home else f"{home}/{request.node.nodeid}",
    )
    return Raidstorm(Tester(EXPERIMENTS, SUITES, settings), request.node)


def _named(paths: Mapping[TargetKind, str | None], folder: Path) -> tuple[TargetKind, str] | None:
    """Return the one target that is named, relative to this folder."""
    named = [(kind, path) for kind, path in paths.items() if path]
    if len(named) > 1:
        pytest.fail(
            "raidstorm: an SPDK tree and a target in C are named, and a run has one", pytrace=False
        )
    for kind, path in named:
        is_file = kind == "spdk" or (folder / path).exists()  # "example" is a name
        return kind, str(folder / path) if is_file else path
    return None


class Raidstorm:
    """What the fixture gives to a test. File names are relative to pytest's rootdir."""

    def __init__(self, tester: Tester, node: pytest.Item) -> None:
        self._tester = tester
        self._node = node

    @property
    def has_target(self) -> bool:
        """Whether the session names an SPDK tree or a target in C, so that a test can skip itself without one."""
        return self._tester.has_target

    def run(
        self,
        experiment: Experiment | str | os.PathLike[str],
        *,
        seeds: int | None = None,
        seed: int = 0,
        driver: DriverName | None = None,
        spdk: str | os.PathLike[str] | None = None,
        target: str | os.PathLike[str] | None = None,
        defects: Iterable[str | os.PathLike[str]] = (),
        checks: Iterable[str | Check] = (),
        expect: int = 0,
    ) -> Report:
        """Run an experiment (a value, a name, ``file.toml``, ``file.py``, ``module:NAME``) over seeds, the first of
        which is ``seed``. Stops at the first failure, and fails the test unless the exit code is ``expect``.

        Without ``seeds``: 20, in realtime 5; so many does it take for what the experiment must reach to be judged.
        ``checks`` are run beside the experiment's own: functions of a module, or ``module:function``.

        ``spdk`` names an SPDK tree to test, ``target`` a target in C; the driver is then ``native``. With the driver
        ``native`` and neither of them, the session's options and the ini file name it (see :attr:`has_target`).
        """
        __tracebackhide__ = True
        return self._do(
            lambda: self._tester.run(
                experiment,
                seeds=seeds,
                seed=seed,
                driver=driver,
                spdk=spdk,
                target=target,
                defects=tuple(defects),
                checks=tuple(checks),
                expect=expect,
            )
        )

    def play(
        self,
        experiment: Experiment | str | os.PathLike[str],
        steps: Iterable[Item],
        *,
        seed: int = 0,
        defects: Iterable[str | os.PathLike[str]] = (),
        checks: Iterable[str | Check] = (),
        expect: int = 0,
    ) -> Replayed:
        """Play a scenario in ``sim``: a list of steps of hosts, operator and nemesis, with a ``Rest()`` where the target
        shall come to rest first (chaos/steps/schedule.py). Then all is healed, and audited, as after every run.

        Sizes are those of the experiment's seed. A step that can't be taken fails the test.
        """
        __tracebackhide__ = True
        return self._do(
            lambda: self._tester.play(
                experiment,
                list(steps),
                seed=seed,
                defects=tuple(defects),
                checks=tuple(checks),
                expect=expect,
            )
        )

    def replay(
        self,
        recorded: Capsule | str | os.PathLike[str],
        *,
        spdk: str | os.PathLike[str] | None = None,
        target: str | os.PathLike[str] | None = None,
        defects: Iterable[str | os.PathLike[str]] | None = None,
        allow_code: bool = False,
        expect: int = 0,
    ) -> Replayed:
        """Take a recorded run's steps again (a capsule, or a run directory) and judge them: with its own defects, or
        with these instead; an empty list is the reference engine. Steps that no longer apply fail the test.

        A run of an SPDK tree or a target in C needs one, as in :meth:`run`.
        """
        __tracebackhide__ = True
        return self._do(
            lambda: self._tester.replay(
                recorded,
                spdk=spdk,
                target=target,
                defects=None if defects is None else tuple(defects),
                allow_code=allow_code,
                expect=expect,
            )
        )

    def _do(self, work: Callable[[], Result]) -> Result:
        __tracebackhide__ = True
        from chaos.pytesting.test_failure import FailedError

        try:
            return work()
        except FailedError as error:
            failed = error
        self._node.user_properties.extend(failed.properties)
        pytest.fail(str(failed), pytrace=False)
