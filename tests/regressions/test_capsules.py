"""Every capsule here still applies, passes on the reference engine, and fails with its defect on where it names one.

NAME.json is a shrunk run, NAME.txt beside it its story.
"""

from pathlib import Path

import pytest

from chaos.capsule import read_capsule
from chaos.controller import Controller
from chaos.drivers.sim import SimDriver
from chaos.judge import judge
from chaos.run import replay_capsule

CAPSULES = sorted(Path(__file__).parent.glob("*.json"))


def test_there_are_capsules_with_stories():
    assert len(CAPSULES) >= 2
    for path in CAPSULES:
        assert path.with_suffix(".txt").read_text().strip(), path.name


@pytest.mark.parametrize("path", CAPSULES, ids=lambda path: path.stem)
def test_capsule_applies_and_fails_only_with_its_defect(path):
    capsule = read_capsule(path)
    defects = capsule.defect_sources()
    # A step that isn't possible any more raises: that is no pass.
    controller = Controller(capsule.plan, SimDriver(), defects)
    findings = judge(controller.replay(capsule.schedule, cut=capsule.cut))
    if not defects:
        assert findings == []
        return
    assert findings[0].signature == capsule.expected.signature
    reference = replay_capsule(capsule, "sim", (), ())
    assert reference.divergence == ""
    assert reference.findings == []
