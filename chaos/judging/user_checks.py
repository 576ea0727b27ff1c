"""Code from outside the package: checks named by dotted path, and their source in capsules."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from types import ModuleType

import msgspec

from chaos.checkers import CHECKS, Check
from workers.errors import ANYTHING_RAISED
from workers.spelling import did_you_mean

EMBEDDED = "raidstorm_embedded_check"  # the name of a module from a capsule


class CodeError(Exception):
    """Code that the user named can't be used; the message is one sentence, ``details`` a traceback."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class EmbeddedCode(msgspec.Struct, frozen=True):
    """Source text that a capsule carries, with its SHA-256 in hex."""

    name: str
    sha256: str
    source: str

    def is_intact(self) -> bool:
        """Return whether the text has this digest."""
        return sha256(self.source) == self.sha256


def sha256(text: str) -> str:
    """Return a text's digest in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_name(check: Check) -> str:
    """Return a check's name for a sentence: ``module:function`` where its module can be imported."""
    name: str = getattr(check, "__name__", str(check))
    module = getattr(check, "__module__", None)
    return name if module in (None, EMBEDDED) else f"{module}:{name}"


def load_check(path: str) -> Check:
    """Return a check named ``module:function``, imported."""
    module_name, _, function_name = path.partition(":")
    if not function_name:
        raise CodeError(f"check {path} must be named module:function{_hint(path)}")
    try:
        module = importlib.import_module(module_name)
    except ANYTHING_RAISED as error:  # a process's edge: the user's own code
        raise CodeError(f"check {path} can't be imported: {error}") from None
    return _function(module, path, function_name)


def _hint(path: str) -> str:
    """Return the built-in check that a name without a function may mean; those need no mention."""
    close = did_you_mean(path, CHECKS)
    return f"{close} Built-in checks always run and are not named here" if close else ""


def embed_check(path: str) -> EmbeddedCode:
    """Return the source of the module a check comes from."""
    module_name = path.partition(":")[0]
    load_check(path)
    source = inspect.getsource(importlib.import_module(module_name))
    return EmbeddedCode(path, sha256(source), source)


def load_embedded_check(code: EmbeddedCode) -> Check:
    """Return a check from the source a capsule carries; the caller has the user's leave to run it."""
    module = ModuleType(EMBEDDED)
    try:
        exec(compile(code.source, code.name, "exec"), module.__dict__)  # noqa: S102  # allowed by the user
    except ANYTHING_RAISED as error:  # a process's edge: code from outside
        raise CodeError(f"embedded check {code.name} can't be loaded: {error}") from None
    return _function(module, code.name, code.name.partition(":")[2])


def _function(module: ModuleType, path: str, name: str) -> Check:
    function = getattr(module, name, None) if name else None
    if not name:
        raise CodeError(f"check {path} must be named module:function")
    if not callable(function):
        known = [one for one, value in vars(module).items() if callable(value)]
        raise CodeError(f"check {path}: there is no function {name!r}{did_you_mean(name, known)}")
    check: Check = function
    return check
