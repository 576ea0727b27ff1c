"""Loading and composing defects."""

import pytest

from tests.rig import Rig
from workers.defects.loader import DefectError, compose, known_defects, read_defect, summary
from workers.engine import EngineClasses
from workers.protocol import DefectSource

SEED_DEFECT = DefectSource("new-channel-null-module-ctx")
OTHER = """
from workers.raid import array

class Slower(array.RaidChannel):
    def create(self) -> bool:
        return super().create()
"""
TWO_CLASSES = """
from workers.raid.raid1 import Raid1
from workers.raid.rebuild import Rebuild

class FirstOnly(Raid1):
    def read_order(self, context, paths):
        return super().read_order(context, paths)[:1]

class Quick(Rebuild):
    def stop_requested(self, thread):
        return 0
"""


def write(tmp_path, text, name="my_defect.py"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_every_built_in_defect_loads_and_says_what_it_is():
    assert "new-channel-null-module-ctx" in known_defects()
    for name in known_defects():
        defect = read_defect(name)
        assert compose((defect,)) != EngineClasses()
        assert summary(defect)


def test_defect_of_a_user_is_read_with_its_source(tmp_path):
    defect = read_defect(write(tmp_path, TWO_CLASSES))
    assert defect.id == "my-defect"
    classes = compose((defect,))
    reference = EngineClasses()
    changed = [
        field
        for field in EngineClasses.__dataclass_fields__
        if getattr(classes, field) is not getattr(reference, field)
    ]
    assert changed == ["raid1", "rebuild"]


def test_defects_that_replace_different_methods_go_together(tmp_path):
    both = (SEED_DEFECT, read_defect(write(tmp_path, TWO_CLASSES)))
    assert compose(both).raid_channel is not EngineClasses().raid_channel


def test_two_defects_that_replace_the_same_method_are_refused(tmp_path):
    other = read_defect(write(tmp_path, OTHER))
    with pytest.raises(DefectError, match=r"both replace RaidChannel\.create"):
        compose((SEED_DEFECT, other))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("class Broken(:\n", "syntax error in line 1"),
        ("raise ValueError('no')", "can't be loaded: no"),
        ("x = 1\n", "replaces nothing"),
        (OTHER.replace("create", "creat"), "has no method creat to replace"),
    ],
)
def test_what_is_wrong_with_a_defect_file_is_said_in_a_sentence(tmp_path, text, sentence):
    with pytest.raises(DefectError, match=sentence):
        read_defect(write(tmp_path, text))


def test_unknown_or_unreadable_defect_is_refused(tmp_path):
    with pytest.raises(DefectError, match="there is no defect"):
        read_defect("new-channel")
    with pytest.raises(DefectError, match="can't be read"):
        read_defect(str(tmp_path / "absent.py"))


def test_clean_and_defective_engines_live_side_by_side():
    clean, defective = Rig(), Rig(defects=(SEED_DEFECT,))
    for rig in (clean, defective):
        rig.configure(groups=1)
        rig.call("bdev_raid_remove_base_bdev", 1)
        rig.call("bdev_raid_add_base_bdev", 2)
        rig.run_until(lambda rig=rig: len(rig.named("rebuild.window_done")) == 1)
        assert rig.call("nvmf_create_poll_group", 1) == 0
    twins = [
        rig.thread(1).channels[rig.reactor(1).services.raid_bdev.module.key].processed
        for rig in (clean, defective)
    ]
    assert twins[0].module_channel is not None
    assert twins[1].module_channel is None
