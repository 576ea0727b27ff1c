"""A suite's summary as JUnit XML: one test case for each facet, not for each seed.

Each facet is a ``testsuite`` of one ``testcase``: in the schema of CI servers and pytest only a testsuite has
properties.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from junitparser import Error, Failure, Skipped
from junitparser.xunit2 import JUnitXml, TestCase, TestSuite

from chaos.campaigns import campaign
from chaos.campaigns.reached import never_words, sequence_words
from chaos.campaigns.suite_run import INTERRUPTED, FacetOutcome
from chaos.campaigns.summary import Summary
from chaos.checkers import Verdict
from chaos.checkers.finding import NAMES
from chaos.store.store import StoreError

GATES = "gates of the whole suite"
# An error proves nothing about the target; a failure does.
ERRORS = (int(Verdict.UNKNOWN), int(Verdict.BROKEN))
# XML 1.0 can't contain these characters, not even as references.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legal(text: str) -> str:
    """Return the text with a sign for each character that XML can't contain."""
    return _ILLEGAL.sub("\ufffd", text)


def junit_of(summary: Summary) -> bytes:
    """Return the document."""
    document = JUnitXml(legal(f"raidstorm {summary.suite}"))
    for outcome in summary.facets:
        document.append(_facet(summary, outcome))
    if summary.wanted and not summary.subset:
        document.append(_gates(summary))
    document.update_statistics()
    buffer = io.BytesIO()
    document.write(buffer, pretty=False)
    return buffer.getvalue() + b"\n"


def write_junit(path: Path, summary: Summary) -> None:
    """Write the file whole, or leave the old one."""
    unfinished = path.with_name(path.name + ".tmp")
    try:
        unfinished.write_bytes(junit_of(summary))
        unfinished.replace(path)
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror}") from None


def _facet(summary: Summary, outcome: FacetOutcome) -> TestSuite:
    suite = TestSuite(legal(f"{summary.suite}.{outcome.name}"))
    for name, value in _facts(outcome).items():
        suite.add_property(name, legal(value))
    # In a suite that was run again, facets that were taken over have no time.
    seconds = 0.0 if outcome.taken_over_from else round(outcome.seconds, 3)
    case = TestCase(legal(outcome.name), legal(f"raidstorm.{summary.suite}"), seconds)
    result = _result(outcome)
    if result is not None:
        case.result = [result]
    suite.add_testcase(case)
    return suite


def _facts(outcome: FacetOutcome) -> dict[str, str]:
    facet = outcome.facet
    facts = {
        "experiment": str(facet.experiment),
        "driver": facet.driver,
        "defects": ",".join(facet.defects),
        "seeds": _seeds(outcome),
        "runs": str(outcome.runs),
        "steps": str(outcome.steps),
        "expect_code": str(facet.expect_code),
        "exit_code": "" if outcome.exit_code is None else str(outcome.exit_code),
        "missing": "; ".join(outcome.missing),
        "sequence": sequence_words(outcome.sequence_items, outcome.reached_in, outcome.judged),
        "never_came": "; ".join(never_words(outcome.never_came)),
        "gate_not_judged": "too few runs" if outcome.gate_not_judged else "",
        "seeds_run_first": ",".join(str(seed) for seed in outcome.seeds_run_first),
        "taken_over_from": outcome.taken_over_from,
    }
    if outcome.failures:
        first = _shown(outcome)
        facts |= {
            "seed": str(first.seed),
            "signature": first.signature,
            "run_dir": first.run_dir,
            "fingerprint": first.fingerprint,
            "replay": first.replay,
        }
    return {name: value for name, value in facts.items() if value}


def _shown(outcome: FacetOutcome) -> campaign.Failure:
    """Return the failure whose replay ends as the facet did."""
    failures = outcome.failures
    return next((one for one in failures if one.code == outcome.exit_code), failures[0])


def _seeds(outcome: FacetOutcome) -> str:
    facet = outcome.facet
    if facet.seeds is None:
        return f"{facet.first_seed}.. for {facet.seconds:g} s"
    return f"{facet.first_seed}..{facet.first_seed + facet.seeds - 1}"


def _result(outcome: FacetOutcome) -> Failure | Error | Skipped | None:
    match outcome.state:
        case "passed":
            return None
        case "not run":
            return Skipped("the suite ended before it")
        case "interrupted":
            result: Failure | Error = Error("interrupted", NAMES[INTERRUPTED])
        case _ if outcome.code in ERRORS:
            result = Error(legal(_message(outcome)), NAMES[outcome.code])
        case _:
            result = Failure(legal(_message(outcome)), NAMES[outcome.code])
    result.text = legal("\n".join(_story(outcome)))
    return result


def _message(outcome: FacetOutcome) -> str:
    if outcome.failures and not outcome.missing and outcome.code:
        return _shown(outcome).summary
    return outcome.error or outcome.why


def _story(outcome: FacetOutcome) -> list[str]:
    """Write one failure of each signature, with its story and the line to paste."""
    lines = [outcome.why, *([outcome.error] if outcome.error else [])]
    groups: dict[str, list[campaign.Failure]] = {}
    for failure in outcome.failures:
        groups.setdefault(failure.signature, []).append(failure)
    for signature, failures in groups.items():
        first = failures[0]
        count = "1 run" if len(failures) == 1 else f"{len(failures)} runs"
        lines += ["", f"{NAMES[first.code]} in {count}: {signature}"]
        lines += [f"seed {first.seed}: {first.summary}", *first.story, f"replay: {first.replay}"]
    return lines


def _gates(summary: Summary) -> TestSuite:
    suite = TestSuite(legal(f"{summary.suite}.gates"))
    for name, wanted in summary.wanted.items():
        suite.add_property(legal(name), f"{summary.reach.get(name, 0)} of {wanted}")
    case = TestCase(GATES, legal(f"raidstorm.{summary.suite}"), 0.0)
    if summary.missing:
        text = f"not reached: {', '.join(summary.missing)}"
        case.result = [Failure(legal(text), NAMES[int(Verdict.NOT_EXERCISED)])]
    elif summary.not_run or not summary.finished:
        case.result = [Skipped("not all facets were run")]
    suite.add_testcase(case)
    return suite
