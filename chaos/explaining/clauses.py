"""The parts of a story: clauses, which belong to a step, and the sentences that neighbouring ones make."""

from __future__ import annotations

from itertools import groupby

import msgspec

from chaos.showing.wording.phrases import capitalized, listed

FINDING, DECISIVE, IMPORTANT, USUAL, MINOR = 10, 9, 7, 5, 3
IT = "it "
MEANWHILE = "meanwhile "  # before a step that comes while the target is at work


class Clause(msgspec.Struct, frozen=True):
    """One event of a step. Neighbours with the same ``key`` become one sentence.

    ``text`` may have a field {} for the ``item``: neighbours that differ only in it are joined. Among clauses with the same
    ``topic``, a sentence has only those with the last one's text. ``subject`` replaces a first "it".
    """

    step: int
    key: str
    text: str
    weight: int
    item: str = ""
    topic: str = ""
    subject: str = ""
    until: int = 0  # the last step, where the clause covers several


class Sentence(msgspec.Struct, frozen=True):
    """One sentence of a story, with its steps."""

    first: int
    last: int
    text: str


def sentences(clauses: list[Clause], most: int) -> list[Sentence]:
    """Join the weightiest clauses, in order, to at most this number of sentences."""
    kept = sorted(clauses, key=lambda clause: clause.step)
    groups = _grouped(kept)
    while len(groups) > most:
        # The lightest clause is removed, the earliest first: a later one is nearer to the failure.
        lightest = min(groups, key=lambda group: (max(c.weight for c in group), group[0].step))
        kept = [clause for clause in kept if clause not in lightest]
        groups = _grouped(kept)
    return [_sentence(group) for group in groups]


def _grouped(clauses: list[Clause]) -> list[list[Clause]]:
    return [list(group) for _, group in groupby(clauses, key=lambda clause: clause.key)]


def _sentence(group: list[Clause]) -> Sentence:
    newest = {clause.topic: clause for clause in group}
    said = [one for one in group if not one.topic or newest[one.topic].text == one.text]
    texts: list[str] = []
    for (text, has_items), alike in groupby(said, key=lambda one: (one.text, bool(one.item))):
        items = list(dict.fromkeys(one.item for one in alike))
        texts.append(text.format(listed(items)) if has_items else text)
    texts = list(dict.fromkeys(texts))
    if said[0].subject and texts[0].startswith(IT):
        texts[0] = f"{said[0].subject} {texts[0].removeprefix(IT)}"
    text = "; ".join(texts)
    last = max(group[-1].step, group[-1].until)
    return Sentence(group[0].step, last, f"{capitalized(text)}.")
