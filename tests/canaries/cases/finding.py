"""The verdict of several findings."""

from __future__ import annotations

from types import ModuleType

from tests.canaries.cases import Case


def case(name: str, numbers: list[int], *expected: str) -> Case:
    def ask(module: ModuleType) -> list[str]:
        return [module.worst([module.Verdict(number) for number in numbers]).name]

    return Case(name, ask, list(expected))


CASES = [
    case("none", [], "VALID"),
    case("valid and unknown", [0, 3], "UNKNOWN"),
    case("stuck and crashed", [4, 5], "CRASHED"),
    case("valid and not written", [0, 2], "UNWRITTEN"),
    case("all", [70, 7, 6, 5, 4, 3, 2, 1, 0], "INVALID"),
]
