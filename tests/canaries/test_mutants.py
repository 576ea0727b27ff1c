"""No check has a condition that could be left out: each mutant of each module in chaos/checkers is noticed."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

import chaos.checkers
from tests.canaries.cases import Case
from tests.mutation import Mutant, load_entry, mutants

FOLDER = Path(chaos.checkers.__file__).parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def cases_of(module: str):
    """Return the module with the judged cases."""
    name = f"tests.canaries.cases.{module}"
    assert find_spec(name), f"chaos/checkers/{module}.py has no judged cases: write {name}"
    return import_module(name)


def entry_of(module: str, cases) -> str:
    return f"chaos.checkers.{getattr(cases, 'ENTRY', module)}"


def survivors(module: str) -> list[str]:
    """Return the names of the mutants that judge all cases as the original does."""
    cases = cases_of(module)
    entry = entry_of(module, cases)
    in_order: dict[str, list[Case]] = {}
    found = []
    for mutant in mutants((FOLDER / f"{module}.py").read_text()):
        of_function = in_order.setdefault(mutant.function, list(cases.CASES))
        if not is_noticed(mutant, f"chaos.checkers.{module}", entry, of_function):
            found.append(mutant.name)
    return found


def is_noticed(mutant: Mutant, name: str, entry: str, cases: list[Case]) -> bool:
    """Return whether a case is judged otherwise, or fails; that case is tried first on the function's next mutant."""
    try:
        module = load_entry(mutant.code, name, entry)
    except Exception:  # noqa: BLE001 - a mutant may raise anything
        return True
    for number, case in enumerate(cases):
        if is_judged_otherwise(case, module):
            cases.insert(0, cases.pop(number))
            return True
    return False


def is_judged_otherwise(case: Case, module: ModuleType) -> bool:
    try:
        return case.ask(module) != case.expected
    except Exception:  # noqa: BLE001 - a mutant may raise anything
        return True


@pytest.mark.parametrize("module", MODULES)
def test_cases_are_judged_as_expected(module):
    cases = cases_of(module)
    original = import_module(entry_of(module, cases))
    for case in cases.CASES:
        assert case.ask(original) == case.expected, case.name


@pytest.mark.parametrize("module", MODULES)
def test_every_mutant_is_noticed(module):
    equivalent = getattr(cases_of(module), "EQUIVALENT", {})
    assert sorted(survivors(module)) == sorted(equivalent)


def test_a_decision_that_no_case_needs_is_seen():
    """Find decisions that no case needs: with one case of two, half of the decisions are free."""
    source = "KNOWN = (1, 'a')\ndef f(x):\n    if x > 1 and x != 7:\n        return 'a'\n    return 'b'\n"
    assert {mutant.name for mutant in mutants(source)} == {
        "module: KNOWN = (1, 'a'): without 1",
        "module: KNOWN = (1, 'a'): without 'a'",
        "f: x > 1: LtE",
        "f: x > 1: GtE",
        "f: 1: 1 is 2",
        "f: 1: 1 is 0",
        "f: x != 7: Eq",
        "f: 7: 7 is 8",
        "f: 7: 7 is 6",
        "f: x > 1 and x != 7: negated",
        "f: x > 1 and x != 7: without x > 1",
        "f: x > 1 and x != 7: without x != 7",
    }
