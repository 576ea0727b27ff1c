"""The story of a failing run, as an engineer would write it in an issue.

The narrator knows nothing of defects. It uses the steps, the engine's events, the content of disks, and the order that
the script fixes, if the run is shrunk. The set-up of a target becomes one sentence for each life of the target.
"""

from __future__ import annotations

import msgspec

from chaos.checkers import Finding
from chaos.narrating.clauses import MEANWHILE, MINOR, Clause, Sentence, sentences
from chaos.narrating.close_look import CloseLook
from chaos.narrating.narrator import Narrator
from chaos.narrating.promises import consequence, should_have_been
from chaos.narrating.script_order import ScriptOrder
from chaos.plan.plan import Plan
from chaos.showing.wording.phrases import capitalized
from chaos.showing.wording.places import named
from chaos.showing.wording.words import Words
from chaos.steps.schedule import ENGINE_STEPS

SENTENCES_MAX = 15
ALSO_MAX = 4  # other findings


class Story(msgspec.Struct, frozen=True):
    """The events, the contradiction, the broken promise, and the consequence."""

    summary: str
    sentences: list[Sentence]
    contradiction: list[Sentence]
    promise: str
    harm: str  # may be ""
    steps: list[str]  # each step in words, with its result
    also: list[Sentence] = []  # findings of other checks, or of the same check elsewhere


def tell(
    plan: Plan,
    look: CloseLook,
    finding: Finding,
    script: ScriptOrder,
    others: list[Finding] | None = None,
) -> Story:
    """Write the story of a run up to its failure; ``others``: other findings of the run."""
    teller = Narrator(plan, look, finding, script)
    clauses = teller.clauses()
    told = [*teller.setup.clauses(), *clauses]
    if teller.is_whole:
        told = [clause for clause in told if clause.weight > MINOR]
    chosen = sentences(told, SENTENCES_MAX)
    steps = _steps(look, clauses, Words(plan))
    return Story(
        named(finding.summary),
        chosen,
        _contradiction(finding),
        " ".join(filter(None, (should_have_been(finding), teller.unanswered))),
        consequence(finding),
        steps,
        _also(finding, others or []),
    )


def _steps(look: CloseLook, clauses: list[Clause], words: Words) -> list[str]:
    """Write each step: its part of the story, or, where the story leaves it out, the step itself.

    Each is quoted alone, so none refers to the one before.
    """
    said: dict[int, list[Clause]] = {}
    for clause in clauses:
        alone = msgspec.structs.replace(clause, text=clause.text.removeprefix(MEANWHILE))
        said.setdefault(clause.step, []).append(alone)
    texts = []
    for moment in look.moments:
        step = moment.step
        if isinstance(step, ENGINE_STEPS):
            text = words.engine(step, moment.note)
        else:
            text = words.step(step)
        chosen = sentences(said.get(moment.number, []), SENTENCES_MAX)
        shown = " ".join(sentence.text for sentence in chosen)
        texts.append(shown or f"{capitalized(text)}.")
    return texts


def _contradiction(finding: Finding) -> list[Sentence]:
    shown = [
        Sentence(event.step, event.step, named(event.says))
        for event in finding.events
        if event.step != finding.step
    ]
    waits = [Sentence(finding.step, finding.step, line) for line in finding.waits]
    return [*shown, Sentence(finding.step, finding.step, named(finding.summary)), *waits]


def _also(finding: Finding, others: list[Finding]) -> list[Sentence]:
    """Write other findings in the order of the run, since an earlier one often names the cause in other words."""
    texts = {
        (other.step, named(other.summary)): f"{other.check}: {named(other.summary)}"
        for other in others
        if other is not finding and other.step > 0
    }
    chosen = [Sentence(step, step, text) for (step, _), text in texts.items()]
    return sorted(chosen, key=lambda sentence: sentence.first)[:ALSO_MAX]
