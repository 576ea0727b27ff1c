"""Mutants of a module, one small change each: whoever tests the module must notice every one of them.

Comparisons and conditions are negated, operands of ``and`` and ``or`` dropped, a ``not`` removed, numbers moved by one,
elements of a module's tuples and statements that only do something dropped. Enums, default values and declarations stay as they are: what they say isn't
a decision.
"""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
    """``name`` says what was changed, without line numbers, so that it can be listed by hand."""

    name: str
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """All mutants of a module, in the order of its source."""
    tree = ast.parse(source)
    places = list(_places(tree))
    seen: dict[str, int] = {}
    for number, (where, node) in enumerate(places):
        for index in range(len(_changes(node))):
            mutated = ast.parse(source)  # anew: a copy takes many times as long
            twin = list(_places(mutated))[number][1]
            before = _line(twin)
            what = _changes(twin)[index]()
            name = f"{where}: {before}: {what}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name += f" ({seen[name]})"
            yield Mutant(name, ast.fix_missing_locations(mutated))


def _places(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """(function, node) of all that is code: not declarations of classes, defaults, annotations."""
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


def _changes(node: ast.AST) -> list[Callable[[], str]]:
    """What can be done to a node: each changes it in place and says how."""
    match node:
        case ast.Compare(ops=[operator]):
            found = [_swap(node, NEGATED[type(operator)])]
            if type(operator) in MOVED:
                found.append(_swap(node, MOVED[type(operator)]))
            return found
        case ast.Compare(ops=operators):
            return [
                _swap(node, kind[type(operator)], number)
                for number, operator in enumerate(operators)
                for kind in (NEGATED, MOVED)
                if type(operator) in kind
            ]
        case ast.BoolOp(values=values):
            return [_drop(node, number) for number in range(len(values))]
        case ast.UnaryOp(op=ast.Not()):
            return [_unwrap(node)]
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            return [] if isinstance(test, (ast.Compare, ast.UnaryOp)) else [_negate(node)]
        case ast.comprehension(ifs=[_, *_] as conditions):
            return [_without_condition(node, number) for number in range(len(conditions))]
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return [_move(node, 1), _move(node, -1)]
        case ast.Assign(value=ast.Constant() as constant, col_offset=0):
            return _changes(constant) if isinstance(constant.value, int) else []
        case ast.Assign(value=ast.Tuple(elts=elements), col_offset=0):
            return [_without_element(node, number) for number in range(len(elements))]
        case ast.Expr(value=ast.Call()):
            return [_forget(node)]
        case ast.match_case(guard=ast.expr()):
            return [_without_guard(node)]
        case _:
            return []


def _swap(node: ast.Compare, kind: type[ast.cmpop], number: int = 0) -> Callable[[], str]:
    def change() -> str:
        node.ops[number] = kind()
        return kind.__name__

    return change


def _drop(node: ast.BoolOp, number: int) -> Callable[[], str]:
    def change() -> str:
        dropped = ast.unparse(node.values[number])
        node.values[number] = ast.Constant(isinstance(node.op, ast.And))
        return f"without {dropped}"

    return change


def _unwrap(node: ast.UnaryOp) -> Callable[[], str]:
    def change() -> str:
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        return "without not"

    return change


def _negate(node: ast.If | ast.While | ast.IfExp) -> Callable[[], str]:
    def change() -> str:
        node.test = ast.UnaryOp(ast.Not(), node.test)
        return "negated"

    return change


def _without_condition(node: ast.comprehension, number: int) -> Callable[[], str]:
    def change() -> str:
        return f"without if {ast.unparse(node.ifs.pop(number))}"

    return change


def _without_guard(node: ast.match_case) -> Callable[[], str]:
    def change() -> str:
        guard, node.guard = node.guard, None
        return f"without if {ast.unparse(guard)}"

    return change


def _move(node: ast.Constant, by: int) -> Callable[[], str]:
    def change() -> str:
        node.value += by
        return f"{node.value - by} is {node.value}"

    return change


def _without_element(node: ast.Assign, number: int) -> Callable[[], str]:
    def change() -> str:
        assert isinstance(node.value, ast.Tuple)
        return f"without {ast.unparse(node.value.elts.pop(number))}"

    return change


def _forget(node: ast.Expr) -> Callable[[], str]:
    def change() -> str:
        forgotten = ast.unparse(node.value)
        node.value = ast.Constant(None)
        return f"forgotten {forgotten}"

    return change


def _line(node: ast.AST) -> str:
    """The node's own text, cut where a block begins."""
    if isinstance(node, (ast.If, ast.While)):
        return ast.unparse(node.test)
    if isinstance(node, ast.match_case):
        return ast.unparse(node.pattern)
    return ast.unparse(node).split("\n", 1)[0]


def load(tree: ast.Module, name: str) -> types.ModuleType:
    """A module of this code, under a name of its own for as long as its classes are built."""
    module = types.ModuleType(name)
    sys.modules[name] = module  # structs look their annotations up here
    try:
        exec(compile(tree, f"<{name}>", "exec"), module.__dict__)
    finally:
        del sys.modules[name]
    return module


def load_entry(mutant: ast.Module, name: str, entry: str) -> types.ModuleType:
    """The entry module as it is when module ``name`` is the mutant; both are dotted names."""
    if name == entry:
        return load(mutant, "mutant")
    path = import_module(entry).__file__
    assert path is not None
    original = sys.modules[name]
    sys.modules[name] = load(mutant, "mutant")
    try:
        return load(ast.parse(Path(path).read_text()), "mutant_entry")
    finally:
        sys.modules[name] = original
