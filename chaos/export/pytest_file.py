"""A capsule as a pytest file that needs only raidstorm."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

from chaos.export.for_test import pack
from chaos.plan.target_id import TargetId
from chaos.replaying.replay import Replayed
from chaos.store.capsule import Capsule

FILE = '''"""{head}

signature: {signature}
{story}

replay:    python THIS_FILE > capsule.json && raidstorm replay capsule.json{options}
"""

# Written by "raidstorm export --to pytest"; raidstorm {version} recorded the run.
# ruff: noqa: E501

import sys

import pytest
from chaos.export import embedded_capsule, failure_text, replay_for_test
from chaos.export.for_test import unpack

SIGNATURE = {signature_literal}

{target}

# The run's capsule (JSON, deflated, base64): {steps} steps. "python THIS_FILE" prints it.
CAPSULE = """
{capsule}
"""


def test_failure_does_not_occur():
    replayed = replay_for_test(embedded_capsule(CAPSULE), TARGET)
    failure = failure_text(replayed, SIGNATURE)
    assert not failure, f"the recorded failure occurs:\\n{{failure}}"
    if replayed.divergence:
        # Not a pass: the target does other steps than the recorded ones, before the failure could show.
        pytest.skip(f"the recorded steps don't apply to this target: {{replayed.divergence}}")
{with_defect}

if __name__ == "__main__":
    sys.stdout.buffer.write(unpack(CAPSULE))
'''
ENGINE = """# The target under test: no defect is the reference engine; a defect's id or the path of a file is another one.
TARGET: tuple[str, ...] = ()"""
IN_C = """# The target under test: "spdk" names an SPDK tree that is built, "target" a source or a shared object.
TARGET = {{{kind}: {path}}}"""
WITH_DEFECT = '''

def test_failure_shows_with_its_defect():
    """{defects}"""
    replayed = replay_for_test(embedded_capsule(CAPSULE))
    assert not replayed.divergence, f"the recorded steps no longer apply: {{replayed.divergence}}"
    found = [finding.signature for finding in replayed.findings]
    assert SIGNATURE in found, f"the defect is on, but the failure doesn't show; found: {{found}}"
'''


def pytest_file(capsule: Capsule, replayed: Replayed, tested: TargetId | None = None) -> str:
    """Write the file's text; ``replayed`` is the capsule's replay, which has shown the failure.

    ``tested``: the target in C of that replay, which its user has named. The one in the capsule is only what it was recorded on.
    """
    assert capsule.expected is not None, (
        "a capsule without a recorded end has no failure to test for"
    )
    signature = capsule.expected.signature
    defects = ", ".join(defect.id for defect in capsule.defects)
    what = f", with defect {defects}" if defects else ", on the reference engine"
    target = ENGINE
    options = ["--allow-code"] if capsule.carries_code else []
    if tested is not None:
        what = f", on {tested.words}"
        option, named = tested.option
        options = [option, shlex.quote(named), *options]
        path = Path(named)
        target = IN_C.format(
            kind=_literal(tested.kind),
            path=_literal(str(path.resolve() if path.exists() else path)),
        )
    with_defect = WITH_DEFECT.format(defects=_prose(f"The defect: {defects}.")) if defects else ""
    return FILE.format(
        head=_prose(
            f"A failure that raidstorm found: {capsule.experiment.name}, seed {capsule.seed}{what}."
        ),
        signature=_prose(signature),
        signature_literal=_literal(signature),
        story="\n".join(_prose(f"  {line}") for line in replayed.story),
        options=_prose("".join(f" {word}" for word in options)),
        version=_prose(capsule.raidstorm_version),
        steps=replayed.steps,
        capsule=pack(msgspec.json.encode(capsule)),
        target=target,
        with_defect=with_defect,
    )


def _prose(text: str) -> str:
    """Change text so that it can neither end the docstring around it nor break its lines."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return shown.replace("\\", "\\\\").replace('"', '\\"')


def _literal(text: str) -> str:
    return msgspec.json.encode(text).decode()
