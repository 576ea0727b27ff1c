"""The parts of a story: clauses, which belong to a step, and the sentences that neighbouring ones make."""

from __future__ import annotations

from itertools import groupby

import msgspec

from chaos.showing.wording.phrases import capitalized, listed

FINDING, DECISIVE, IMPORTANT, USUAL, MINOR = 10, 9, 7, 5, 3
IT = "it "
APART_MIN = 100  # steps between two clauses about one thing that make two sentences
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
    opens: bool = False  # it says what the others of its key are about


class Sentence(msgspec.Struct, frozen=True):
    """One sentence of a story, with its steps."""

    first: int
    last: int
    text: str


def lifted(clauses: list[Clause], central: list[str]) -> list[Clause]:
    """Give all clauses with a central key the highest weight, and an opening one at least that of its key."""
    weights: dict[str, int] = {}
    for clause in clauses:
        weights[clause.key] = max(weights.get(clause.key, 0), clause.weight)
    found = []
    for clause in clauses:
        weight = weights[clause.key] if clause.opens else clause.weight
        weight = FINDING if clause.key in central else weight
        found.append(msgspec.structs.replace(clause, weight=weight))
    return found


def sentences(clauses: list[Clause], most: int) -> list[Sentence]:
    """Join the weightiest clauses, in order, to at most this number of sentences."""
    groups = _without_light_ones(_grouped(sorted(clauses, key=lambda clause: clause.step)), most)
    while len(groups) > most:
        # The lightest clause is removed, the earliest first: a later one is nearer to the failure.
        lightest = min(groups, key=_weight)
        groups = _grouped([one for group in groups if group is not lightest for one in group])
    return [_sentence(group) for group in groups]


def _without_light_ones(groups: list[list[Clause]], most: int) -> list[list[Clause]]:
    """Remove all groups of a weight at once, as long as enough are left: a whole run has thousands."""
    for weight in sorted(dict.fromkeys(map(_weight, groups))):
        heavier = [one for group in groups if _weight(group) > weight for one in group]
        fewer = _grouped(heavier)
        if len(fewer) < most:
            break
        groups = fewer
    return groups


def _weight(group: list[Clause]) -> int:
    return max(clause.weight for clause in group)


def _grouped(clauses: list[Clause]) -> list[list[Clause]]:
    """Put neighbours with the same key together; what comes long after is another sentence."""
    groups: list[list[Clause]] = []
    for clause in clauses:
        last = groups[-1][-1] if groups else None
        if last is not None and last.key == clause.key and clause.step - last.step <= APART_MIN:
            groups[-1].append(clause)
        else:
            groups.append([clause])
    return groups


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
