"""Pages of the documentation as programs: their files are written, their commands run, their outputs compared.

* A block of ``toml``, ``python``, ``yaml`` or ``diff`` is a file: "Save as `NAME`:" before it writes it, "Add to `NAME`:" appends,
  and a diff is applied to a copy of the program.
* A block of ``console`` has commands behind ``$``, and below each what must come of it: these lines, in this order,
  where ``...`` stands for anything. Other lines may come in between.
* There are no other blocks, since no test would notice errors in them.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from unittest.mock import patch

from tests.inside import inside
from tests.support import ROOT, run

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAVE = re.compile(r"(Save as|Add to) `([\w./-]+)`:\s*\Z")
PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"  # as in an activated environment
IN_CLONE = ".venv/bin/raidstorm"
PACKAGES = ("chaos", "workers", "experiments")


class Page:
    """One page, played from its top to its end in one directory."""

    def __init__(self, name: str, folder: Path) -> None:
        self.text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        self.folder = folder
        self.commands: list[str] = []
        self._code = 0

    def play_commands(self) -> None:
        """Run the shown commands and compare their output, on a page that has more than that."""
        for block in FENCE.finditer(self.text):
            if block[1] == "console":
                self._run(block[2])

    def play(self) -> None:
        """Write the files, run the commands, and compare everything."""
        with patch.object(sys, "path", list(sys.path)):
            for block in FENCE.finditer(self.text):
                kind, body = block.groups()
                if kind == "console":
                    self._run(body)
                elif kind == "diff":
                    self._apply(body)
                else:
                    self._save(kind, body, self.text[: block.start()])
        for path in self.folder.glob("*.py"):
            sys.modules.pop(path.stem, None)

    def _save(self, kind: str, body: str, before: str) -> None:
        asked = SAVE.search(before)
        assert asked is not None, (
            f"nothing says what becomes of this {kind or 'plain'} block:\n{body}"
        )
        path = self.folder / asked[2]
        assert path.suffix == {"python": ".py", "toml": ".toml", "yaml": ".yml"}[kind]
        path.parent.mkdir(parents=True, exist_ok=True)
        if asked[1] == "Save as":
            assert not path.exists(), f"{path.name} is saved twice"
            path.write_text(body)
        else:
            path.write_text(path.read_text() + "\n" + body)

    def _apply(self, body: str) -> None:
        clone = self.folder / "clone"
        for package in PACKAGES if not clone.exists() else ():
            shutil.copytree(
                ROOT / package, clone / package, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "raidstorm.py", clone)
        head, *hunks = re.split(r"^@@ .*\n", body, flags=re.MULTILINE)
        path = clone / head.splitlines()[-1].removeprefix("+++ b/")
        text = path.read_text()
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] != "+")
            new = "".join(line[1:] for line in lines if line[0] != "-")
            assert text.count(old) == 1, f"the diff doesn't apply any more:\n{hunk}"
            text = text.replace(old, new)
        path.write_text(text)

    def _run(self, body: str) -> None:
        before, *parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
        assert not before.strip(), f"no command brings this: {before}"
        for part in parts:
            command, *shown = part.splitlines()
            output = self._output(command)
            compare(command, shown, output)
            self.commands.append(command)

    def _output(self, command: str) -> str:
        words = shlex.split(command)
        if words[0] == "raidstorm":
            # No new interpreter is started; the program's name is that of the one on the path.
            script = str(Path(sys.executable).with_name("raidstorm"))
            with patch.object(sys, "argv", [script]), patch.dict("os.environ", {"PATH": PATH}):
                done = inside(*words[1:], cwd=self.folder)
            self._code = done.returncode
            return done.stdout + (f"raidstorm: {done.stderr}" if done.stderr else "")
        if words[0] == IN_CLONE:
            words = [sys.executable, str(self.folder / "clone" / "raidstorm.py"), *words[1:]]
        else:
            words = ["/bin/sh", "-c", f"(exit {self._code}); {command}"]
        ended = run(
            words,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, "PATH": PATH},
        )
        self._code = ended.returncode
        return ended.stdout + ended.stderr


def compare(command: str, shown: list[str], output: str) -> None:
    """Return whether the shown lines are in the output, in their order."""
    lines = iter(output.splitlines())
    for line in filter(str.strip, shown):
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("...")))
        assert any(pattern.fullmatch(one) for one in lines), (
            f"{command}\ndoesn't say (any more, or in this order):\n{line}\nbut:\n{output}"
        )
