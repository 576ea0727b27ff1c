"""The words that prose in this tree avoids.

It looks at comments, docstrings and texts of Python files, and at whole pages. Names in code are no prose.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support import ROOT

BANNED = re.compile(
    # Things are named, and people are engineers, users or operators. A part of a signature is a name.
    r"(?<!/)\b(?:some|no|any)body\b"
    r"|\bwho(?:ever|m)\b"
    r"|\btold\b|\btells? of\b"  # reported, emitted, shown
    r"|\bfor ever\b"
    r"|\bas (?:it|they) must be\b"  # as expected
    r"|\bwhat (?:came|comes) of\b|\bcomes of it\b"  # the result, the consequence
    r"|\bso many under way\b|\bis still out for\b"  # a bounded number at a time, in flight
    r"|\bno going on\b|\bis no effect\b"
    r"|\bbitten\b|\bplanted\b"  # had an effect, injected
    r"|\btaken? (?:it )?for granted\b",
    re.IGNORECASE,
)
# Sentences that begin with a clause instead of a subject.
BEGINNINGS = re.compile(
    r"(?:^|[.:] )(?:What was|What is|Of what|Of an?|Of each|Of all)\b", re.MULTILINE
)
# A function's docstring begins with a verb, so not with one of these; a predicate's is "Return whether".
NO_VERB = re.compile(
    r"(?:a|all|an|and|another|are|as|at|but|by|can|could|did|does|each|every|for|from|had|has|how|if|in|is|it|its|later"
    r"|lines|many|may|message|must|nothing|of|on|one|or|per|so|some|something|that|the|their|then|there|these|they|this"
    r"|those|to|two|until|what|when|where|whether|which|who|whose|will|with|would)\b",
    re.IGNORECASE,
)
# A property may be a noun.
NOUN = re.compile(r"(?:a|all|an|each|every|how|its|one|the|what|whether)\b", re.IGNORECASE)
PROPERTIES = frozenset(("property", "cached_property"))


def words_in(path: Path) -> Iterator[str]:
    """Yield the banned words in a file's prose, each with its place."""
    text = path.read_text(encoding="utf-8")
    pieces = _pieces(text) if path.suffix == ".py" else enumerate(text.splitlines(), 1)
    for line, piece in pieces:
        for found in (*BANNED.finditer(piece), *BEGINNINGS.finditer(piece)):
            at = line + piece.count("\n", 0, found.start())
            yield f"{path.relative_to(ROOT)}:{at}: {found[0].strip()}"


def docstrings_without_verb(path: Path) -> Iterator[str]:
    """Yield the functions whose docstring doesn't begin with a verb."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        lines = (ast.get_docstring(node) or "").splitlines()
        if not lines:
            continue
        is_property = any(
            isinstance(one, ast.Name) and one.id in PROPERTIES for one in node.decorator_list
        )
        is_noun = is_property and NOUN.match(lines[0])
        if (NO_VERB.match(lines[0]) and not is_noun) or lines[0].endswith("?"):
            yield f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}: {lines[0]}"


def _pieces(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
