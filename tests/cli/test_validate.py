"""``raidstorm validate``: valid files are named, and errors have their place."""

import json
import shutil

import pytest

from chaos.base.line_finder import line_of
from tests.inside import inside
from tests.red_run import run_directory
from tests.support import ROOT, SEED_DEFECT

EXPERIMENT = """name = "mine"
hosts = [2, 4]

[[faults]]
kind = "disk_failure"
count = [1, 3]

[[faults]]
kind = "disk_pull"
anchor = "rebuild"

[[operations]]
kind = "member_removal"
between = [0, 300]

[reach]
rebuilds_finished = 1
"rebuild.running x disk_failure" = 1
"""
SUITE = """name = "ours"
experiments = ["baseline", "mine.toml"]

[[facets]]
seeds = 3

[[facets]]
experiment = "swarm"
driver = "lockstep"
seconds = 2
defects = ["first_only.py"]

[reach]
connects = 1
"""
DEFECT = '''"""All reads go to the first member."""

from workers.raid.raid1 import Raid1


class ReadsFromTheFirst(Raid1):
    def read_order(self, context, paths):
        return self.readable(paths)
'''
PYTHON = """from chaos.experiment import Experiment
from chaos.campaigns.suite import Facet, Suite
from experiments.baseline import BASELINE

A = Experiment(name="a")
B = Suite(name="b", experiments=(A, BASELINE), facets=(Facet(seeds=1),))
"""
WRONG = [
    # file, replaced text, its replacement, line of the error, words of the sentence
    ("mine.toml", "hosts =", "hots =", 2, "unknown field 'hots'"),
    ("mine.toml", "hosts = [2, 4]", "hosts = [4, 2]", 2, "low bound above its high one"),
    ("mine.toml", "[2, 4]", "[2, 4", 4, "is not TOML"),
    (
        "mine.toml",
        '"disk_pull"',
        '"disk_pul"',
        9,
        "faults[1].kind = 'disk_pul' is unknown; did you mean disk_pull?",
    ),
    (
        "mine.toml",
        "count = [1, 3]",
        "count = true",
        6,
        "faults[0].count = true is a boolean; write a whole number or [low, high]",
    ),
    ("mine.toml", 'anchor = "rebuild"', "after = 3", 10, "unknown field 'after'"),
    (
        "mine.toml",
        "rebuilds_finished",
        "rebuilds_finnished",
        17,
        "rebuilds_finnished = 1 is not counted",
    ),
    ("mine.toml", 'disk_failure" = 1', 'disk_failure" = 0', 18, "= 0 must be at least 1"),
    ("mine.toml", "[1, 3]", "-1", 6, "experiment: faults[0].count = -1 must lie within [0, 1000]"),
    ("mine.toml", "[1, 3]", "[3, 1]", 6, "faults[0].count = [3, 1] has its low bound above"),
    (
        "mine.toml",
        "[1, 3]",
        "[1, 2, 3]",
        6,
        "count = [1, 2, 3] is a list of length 3; write [low, ",
    ),
    ("mine.toml", "[1, 3]", "1000000000", 6, "faults[0].count = 1000000000 must lie within"),
    (
        "mine.toml",
        "[1, 3]",
        "2.5",
        6,
        "experiment: faults[0].count = 2.5 is a float; write a whole number or [low, high]",
    ),
    ("mine.toml", 'anchor = "rebuild"', "lasting = 1001", 10, "faults[1].lasting = 1001 must lie"),
    ("mine.toml", "[0, 300]", "[0, 3000]", 14, "operations[0].between = [0, 3000] must lie within"),
    ("mine.toml", "[0, 300]", "[300, 0]", 14, "operations[0].between = [300, 0] has its low"),
    ("mine.toml", "[0, 300]", "300", 14, "between = 300 is a whole number; write [low, high]"),
    ("mine.toml", "[[faults]]", "[[fault]]", 4, "unknown field 'fault'; did you mean faults?"),
    (
        "mine.toml",
        "[[operations]]",
        "[operations]",
        12,
        "is a table; write [[operations]] above each",
    ),
    ("mine.toml", 'kind = "disk_failure"', "", 4, "faults[0]: the field 'kind' is missing"),
    ("mine.toml", '"mine"', '"my own"', 1, "name = 'my own': an experiment's name may have"),
    ("mine.toml", "[2, 4]", '3\nstrategies = ["pcd"]', 3, "strategies: 'pcd' is not a search"),
    ("mine.toml", "[2, 4]", '3\nchecks = ["nowhere:f"]', 3, "check nowhere:f can't be imported"),
    (
        "mine.toml",
        "rebuilds_finished = 1",
        'rebuilds_finished = "x"',
        17,
        'reach rebuilds_finished = "x" is a string; write a whole number',
    ),
    ("ours.toml", "[[facets]]", "[[facet]]", 4, "unknown field 'facet'; did you mean facets?"),
    ("ours.toml", SUITE[SUITE.index("[[") :], "", 0, "suite: the field 'facets' is missing"),
    ("ours.toml", '"ours"', '"o/o"', 1, "name = 'o/o': a suite's name may have"),
    (
        "ours.toml",
        "seeds = 3",
        'seeds = "3"',
        5,
        'facets[0].seeds = "3" is a string; write a whole',
    ),
    ("ours.toml", "seeds = 3", "seeds = 0", 5, "seeds = 0 must be at least 1"),
    ("ours.toml", "seconds = 2", "seconds = -2", 10, "is not a valid time"),
    ("ours.toml", "seeds = 3", "", 4, "would never end"),
    ("ours.toml", '"lockstep"', '"slowstep"', 9, "facets[1].driver = 'slowstep' is unknown"),
    ("ours.toml", '"first_only.py"', '"absent.py"', 0, "absent.py can't be read"),
    ("ours.toml", '"swarm"', '"swarn"', 0, "did you mean swarm?"),
    (
        "ours.toml",
        "connects",
        "conects",
        14,
        "reach conects = 1 is not counted; did you mean connects?",
    ),
    ("first_only.py", "read_order", "read_ordr", 7, "Raid1 has no method read_ordr"),
    ("first_only.py", "paths):", "paths)", 7, "syntax error"),
    ("first_only.py", "(Raid1)", "", 0, "no subclass of an engine class"),
    ("both.py", 'name="a"', 'name="a", hosts=(3, 1)', 5, "low bound above its high one"),
    ("both.py", "seeds=1", "seeds=0", 6, "seeds = 0 must be at least 1"),
    ("both.py", 'A = Experiment(name="a")', "A = 1 // 0", 5, "ZeroDivisionError"),
]


@pytest.fixture
def files(tmp_path):
    for name, text in {
        "mine.toml": EXPERIMENT,
        "ours.toml": SUITE,
        "first_only.py": DEFECT,
        "both.py": PYTHON,
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_is_right_is_named(files):
    done = inside("validate", "mine.toml", "ours.toml", "first_only.py", "both.py", cwd=files)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines() == [
        "right  mine.toml: experiment mine",
        "right  ours.toml: suite ours, 3 facets",
        "right  first_only.py: defect first-only",
        "right  both.py: experiment a",
        "right  both.py: suite b, 2 facets",
    ]


@pytest.mark.parametrize(("name", "old", "new", "line", "words"), WRONG)
def test_what_is_wrong_has_its_place(files, name, old, new, line, words):
    text = (files / name).read_text()
    assert old in text
    (files / name).write_text(text.replace(old, new, 1))
    done = inside("validate", "--format", "json", name, cwd=files)
    assert done.returncode == 2
    wrong = [one for one in json.loads(done.stdout)["files"] if one["error"]]
    assert words in f"{wrong[0]['what']}: {wrong[0]['error']}"
    assert wrong[0]["line"] == line
    # One wrong file among right ones is enough; all are looked at.
    done = inside("validate", name, str(ROOT / "tests" / "regressions"), cwd=files)
    assert done.returncode == 2
    place = f"{name}:{line}: " if line else f"{name}: "
    assert "$" not in done.stdout
    assert f"WRONG  {place}" in done.stdout
    assert "has neither capsule.json nor summary.json" in done.stdout


def test_capsules_and_summaries(files):
    folder = run_directory(files / "runs")
    regression = next((ROOT / "tests" / "regressions").glob("*.json"))
    done = inside("validate", str(folder), str(regression))
    assert done.returncode == 0, done.stdout
    assert f"right  {folder}/capsule.json: capsule of connect-during-rebuild, seed 4" in done.stdout
    whole = json.loads((folder / "capsule.json").read_text())
    for name, content, words in [
        ("edited.json", json.dumps({**whole, "schedule": whole["schedule"][:-1]}), "it was edited"),
        ("cut.json", json.dumps(whole, indent=1)[:3_000], "is not JSON, or was cut short"),
        ("other.json", "{}", "neither a capsule nor a suite's summary"),
        ("other.txt", "x", "is neither .toml nor .py nor .json"),
    ]:
        (files / name).write_text(content)
        done = inside("validate", name, cwd=files)
        assert done.returncode == 2
        assert words in done.stdout
    assert (
        inside("suite", "ours.toml", "--subset", "1/3", "--out", "out", cwd=files).returncode == 0
    )
    done = inside("validate", "out", cwd=files)
    assert done.stdout == "right  out/summary.json: summary of the suite ours\n"
    shutil.rmtree(files / "out")
    done = inside("validate", "out", cwd=files)
    assert (done.returncode, done.stdout) == (
        2,
        "WRONG  out: file: can't be read: No such file or directory\n",
    )


def test_built_in_defects_are_right():
    paths = sorted(
        str(path)
        for path in (ROOT / "workers" / "defects").glob("*.py")
        if path.stem not in ("__init__", "loader")
    )
    done = inside("validate", *paths)
    assert done.returncode == 0, done.stdout
    assert f": defect {SEED_DEFECT}" in done.stdout
    assert done.stdout.count("right") == len(paths)


def test_line_is_that_of_the_deepest_key_that_is_there():
    assert line_of(EXPERIMENT, ["faults", 1, "kind"]) == 9
    assert line_of(EXPERIMENT, ["faults", 1, "lasting"]) == 8
    assert line_of(EXPERIMENT, ["faults", 2]) == 0
    assert line_of(EXPERIMENT, ["reach", "rebuilds_finished"]) == 17


SEQUENCE = """name = "mine"
sequence = [
    {kind = "disk_pull", disk = 7},
    # a comment
    {kind = "wait", after = "flood"}, {kind = "disk_grow"},
]
steps = 900
"""


def test_each_mistake_of_a_sequence_has_its_line(files):
    (files / "mine.toml").write_text(SEQUENCE)
    done = inside("validate", "--format", "json", "mine.toml", cwd=files)
    assert done.returncode == 2
    found = json.loads(done.stdout)["files"]
    assert [(one["line"], one["error"].partition(" = ")[0]) for one in found] == [
        (3, "sequence[0].disk"),
        (5, "sequence[1].after"),
        (5, "sequence[2].kind"),
    ]
    tables = (
        SEQUENCE.partition("sequence")[0]
        + """
[[sequence]]
kind = "disk_pull"
[[sequence]]
kind = "wait"
after = "flood"
"""
    )
    (files / "mine.toml").write_text(tables)
    done = inside("validate", "mine.toml", cwd=files)
    assert done.stdout.startswith('WRONG  mine.toml:7: experiment: sequence[1].after = "flood": ')
    python = """from chaos.experiment import Act, Experiment

MINE = Experiment(name="mine", sequence=(Act(kind="disk_pull", disk=7), Act(kind="disk_grow")))
"""
    (files / "mine.py").write_text(python)
    done = inside("validate", "mine.py", cwd=files)
    assert done.stdout.count("WRONG  mine.py:3: experiment MINE: sequence[") == 2


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ('{kind = "disk_pull", disk = "sourc"}', "'sourc' is unknown; did you mean source?"),
        ('{kind = "disk_pull", disk = 1.5}', "write a whole number or a name"),
        ('{kind = "disk_pull", returns = "stael"}', "did you mean stale?"),
        ('{kind = "disk_pul"}', "did you mean disk_pull?"),
        ('{kind = "disk_pull", retuns = "stale"}', "unknown field 'retuns'; did you mean returns?"),
    ],
)
def test_unknown_names_in_a_sequence_are_errors_with_a_hint(files, item, words):
    (files / "mine.toml").write_text(f'name = "mine"\nsequence = [\n{item},\n]\n')
    done = inside("validate", "mine.toml", cwd=files)
    assert done.returncode == 2
    assert words in done.stdout
    assert done.stdout.startswith("WRONG  mine.toml:3: ")


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ("sequence_item_2 = 50", "reach_per_run sequence_item_2 = 50 can't be reached"),
        ("sequence_complete = 50", "did you mean sequence_completed?"),
        ('sequence_completed = "x"', 'reach_per_run sequence_completed = "x" is a string'),
    ],
)
def test_gate_per_run_has_its_line(files, gate, words):
    text = f'name = "mine"\nsequence = [{{kind = "disk_pull"}}]\n[reach_per_run]\n{gate}\n'
    (files / "mine.toml").write_text(text)
    done = inside("validate", "mine.toml", cwd=files)
    assert done.stdout.startswith("WRONG  mine.toml:4: "), done.stdout
    assert words in done.stdout


def test_line_of_an_inline_table():
    assert line_of(SEQUENCE, ["sequence", 0, "disk"]) == 3
    assert line_of(SEQUENCE, ["sequence", 2, "kind"]) == 5
    assert line_of(SEQUENCE, ["steps"]) == 7
    assert line_of('a = 1\nsequence = [{kind = "x"}]\nb = 2', ["sequence", 0]) == 2
    assert line_of('a = 1\nsequence = [{kind = "x"}]\nb = 2', ["b"]) == 3
