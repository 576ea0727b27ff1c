"""Defects that nothing was tuned on: each can be scored as it stands, and says where it comes from."""

from pathlib import Path

import pytest

from workers.defects.loader import compose, known_defects, read_defect, source_text

FILES = sorted((Path(__file__).parent / "held_out").glob("*.py"))


def test_there_are_some_and_none_is_built_in():
    assert len(FILES) > 3
    assert not {path.stem.replace("_", "-") for path in FILES} & set(known_defects())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_held_out_defect_can_be_used_and_says_where_it_comes_from(path):
    defect = read_defect(str(path))
    compose((defect,))
    for word in ("Source:", "Trigger:", "Expected:"):
        assert word in source_text(defect), word
