"""Mutants of a module, one small change each: the tests of the module must notice every one of them.

Comparisons and conditions are negated, operands of ``and`` and ``or`` dropped, a ``not`` removed, numbers moved by one,
elements of a module's tuples and calls made only for their effect dropped. Enums, default values and declarations stay
as they are: they decide nothing.
"""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
# The border of a comparison is a decision of its own.
MOVED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


@dataclass(frozen=True)
class Mutant:
    """``name`` describes the change, without line numbers, so that it can be listed by hand."""

    name: str
    function: str
    code: types.CodeType


@dataclass(frozen=True)
class Change:
    """Another value for one field of a node, and its description."""

    node: ast.AST
    field: str
    value: object
    says: str

    def compiled(self, tree: ast.Module) -> types.CodeType:
        """Compile the tree with this change in it, and revert the change: another parse would take longer."""
        original = getattr(self.node, self.field)
        setattr(self.node, self.field, self.value)
        ast.fix_missing_locations(self.node)
        try:
            return compile(tree, "<mutant>", "exec")
        finally:
            setattr(self.node, self.field, original)


def mutants(source: str) -> Iterator[Mutant]:
    """Yield all mutants of a module, in the order of its source."""
    tree = ast.parse(source)
    seen: dict[str, int] = {}
    for function, node in list(_places(tree)):
        for change in _changes(node):
            name = f"{function}: {_line(node)}: {change.says}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name += f" ({seen[name]})"
            yield Mutant(name, function, change.compiled(tree))


def _places(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield (function, node) of all code, without declarations of classes, defaults, annotations."""
    for function, where in _functions(tree, ""):
        for statement in function.body:
            for node in _walk(statement):
                yield where, node
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(
            statement.value, (ast.Constant, ast.Tuple)
        ):
            yield "module", statement


def _functions(parent: ast.AST, prefix: str) -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in getattr(parent, "body", []):
        if isinstance(node, ast.FunctionDef):
            yield node, prefix + node.name
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return  # walked by itself
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child)


def _changes(node: ast.AST) -> list[Change]:
    """Yield all changes of a node."""
    match node:
        case ast.Compare(ops=[operator]):
            found = [_swap(node, 0, NEGATED[type(operator)])]
            if type(operator) in MOVED:
                found.append(_swap(node, 0, MOVED[type(operator)]))
            return found
        case ast.Compare(ops=operators):
            return [
                _swap(node, number, kind[type(operator)])
                for number, operator in enumerate(operators)
                for kind in (NEGATED, MOVED)
                if type(operator) in kind
            ]
        case ast.BoolOp(values=values):
            return [_drop(node, number) for number in range(len(values))]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return [Change(node, "operand", ast.UnaryOp(ast.Not(), operand), "without not")]
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            if isinstance(test, (ast.Compare, ast.UnaryOp)):
                return []
            return [Change(node, "test", ast.UnaryOp(ast.Not(), test), "negated")]
        case ast.comprehension(ifs=[_, *_] as conditions):
            return [_without(node, "ifs", number, "if ") for number in range(len(conditions))]
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return [Change(node, "value", value + by, f"{value} is {value + by}") for by in (1, -1)]
        case ast.Assign(value=ast.Constant() as constant, col_offset=0):
            return _changes(constant) if isinstance(constant.value, int) else []
        case ast.Assign(value=ast.Tuple(elts=elements) as values, col_offset=0):
            return [_without(values, "elts", number) for number in range(len(elements))]
        case ast.Expr(value=ast.Call() as call):
            return [Change(node, "value", ast.Constant(None), f"forgotten {ast.unparse(call)}")]
        case ast.match_case(guard=ast.expr() as guard):
            return [Change(node, "guard", None, f"without if {ast.unparse(guard)}")]
        case _:
            return []


def _swap(node: ast.Compare, number: int, kind: type[ast.cmpop]) -> Change:
    operators = [*node.ops[:number], kind(), *node.ops[number + 1 :]]
    return Change(node, "ops", operators, kind.__name__)


def _drop(node: ast.BoolOp, number: int) -> Change:
    neutral = ast.Constant(isinstance(node.op, ast.And))
    values = [*node.values[:number], neutral, *node.values[number + 1 :]]
    return Change(node, "values", values, f"without {ast.unparse(node.values[number])}")


def _without(node: ast.AST, field: str, number: int, word: str = "") -> Change:
    items = getattr(node, field)
    left = [*items[:number], *items[number + 1 :]]
    return Change(node, field, left, f"without {word}{ast.unparse(items[number])}")


def _line(node: ast.AST) -> str:
    """Return the node's own text, cut where a block begins."""
    if isinstance(node, (ast.If, ast.While)):
        return ast.unparse(node.test)
    if isinstance(node, ast.match_case):
        return ast.unparse(node.pattern)
    return ast.unparse(node).split("\n", 1)[0]


def load(code: types.CodeType, name: str) -> types.ModuleType:
    """Load a module of this code, under a name of its own while its classes are built."""
    module = types.ModuleType(name)
    sys.modules[name] = module  # structs look their annotations up here
    try:
        exec(code, module.__dict__)
    finally:
        del sys.modules[name]
    return module


@cache
def code_of(name: str) -> types.CodeType:
    """Compile the code of a module again."""
    path = import_module(name).__file__
    assert path is not None
    return compile(Path(path).read_text(), f"<{name}>", "exec")


def load_entry(mutant: types.CodeType, name: str, entry: str) -> types.ModuleType:
    """Return the entry module as it is when module ``name`` is the mutant; both are dotted names."""
    if name == entry:
        return load(mutant, "mutant")
    entry_code = code_of(entry)
    original = sys.modules[name]
    sys.modules[name] = load(mutant, "mutant")
    try:
        return load(entry_code, "mutant_entry")
    finally:
        sys.modules[name] = original
