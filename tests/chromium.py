"""Debian's Chromium without a screen: load a page from disk, act on it, read the result."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import msgspec

from tests.support import run

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
REASON = "there is no Chromium here; 'apt-get install chromium' brings it"
SECONDS_MAX = 60
VIRTUAL_MS = 3_000
# No sandbox: CI runs as root. The rest keeps it from looking anything up.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--enable-logging=stderr", f"--virtual-time-budget={VIRTUAL_MS}"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
# Virtual time has no frames to wait for, so that the page draws at once.
BEFORE = "<head><script>window.requestAnimationFrame = (draw) => draw();</script>"
AFTERWARDS = """<script>
(() => {
  const press = (...keys) => {
    for (const key of keys) document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  };
  const look = () => ({ ...document.body.dataset });
  const found = [];
  try { %s } catch (error) { console.error(error); }
  document.body.dataset.found = JSON.stringify(found);
})();
</script></body>"""


class Loaded(msgspec.Struct):
    """A page after all its scripts: the test's own results, the document, messages of the console."""

    found: list
    document: str
    console: list[str]


def load(
    page: Path, folder: Path, script: str = "", *, fragment: str = "", size=(1280, 800)
) -> Loaded:
    """Load the page, run ``script`` (it pushes to ``found``), and return the result."""
    assert PROGRAM is not None
    acted = folder / "acted.html"
    text = page.read_text().replace("<head>", BEFORE, 1)
    acted.write_text(text.replace("</body>", AFTERWARDS % script))
    command = [
        *(PROGRAM, *FLAGS, f"--user-data-dir={folder / 'profile'}"),
        *(f"--window-size={size[0]},{size[1]}", "--dump-dom", f"{acted.as_uri()}{fragment}"),
    ]
    done = run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
    assert done.returncode == 0, done.stderr
    result = re.search(r'data-found="([^"]*)"', done.stdout)
    assert result is not None, done.stdout[-2_000:] + done.stderr
    return Loaded(
        found=json.loads(html.unescape(result.group(1))),
        document=done.stdout,
        console=[line for line in done.stderr.splitlines() if "CONSOLE" in line],
    )
