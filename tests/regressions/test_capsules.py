"""Every capsule here still applies, passes on the reference engine, and fails with its defect on where it names one.

NAME.json is a shrunk run, NAME.txt beside it its story. 'raidstorm adopt' puts both here; 'raidstorm regress' asks the
same of the regressions of other projects.
"""

from pathlib import Path

import pytest

from chaos.replaying.regression import capsules_in, check_file

CAPSULES = capsules_in(Path(__file__).parent)


def test_there_are_capsules():
    assert len(CAPSULES) >= 2


@pytest.mark.parametrize("path", CAPSULES, ids=lambda path: path.stem)
def test_capsule_applies_and_fails_only_with_its_defect(path):
    assert check_file(path).problem == ""
