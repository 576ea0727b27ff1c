"""Clauses become sentences: neighbours are joined, the lightest go first, and what opens a subject stays with it."""

from chaos.narrating.clauses import (
    APART_MIN,
    FINDING,
    IMPORTANT,
    MINOR,
    USUAL,
    Clause,
    lifted,
    sentences,
)


def test_neighbours_are_said_at_once_and_the_lightest_are_dropped():
    clauses = [
        Clause(1, "rpc", "the operator removes {}", 9, item="disk1"),
        Clause(2, "rpc", "the operator removes {}", 9, item="disk0"),
        Clause(3, "array", "nothing much", 3),
        Clause(4, "op 5", "it is acknowledged", 5, subject="op 5"),
    ]
    assert [sentence.text for sentence in sentences(clauses, 2)] == [
        "The operator removes disk1 and disk0.",
        "Op 5 is acknowledged.",
    ]


def test_what_comes_long_after_is_another_sentence():
    one = Clause(1, "array", "it begins", USUAL)
    near, far = Clause(1 + APART_MIN, "array", "it ends", USUAL), Clause(900, "array", "it", USUAL)
    assert len(sentences([one, near], 9)) == 1
    assert len(sentences([one, near, far], 9)) == 2


def test_thousands_of_clauses_are_reduced_to_the_weightiest_and_latest():
    light = [Clause(step, f"op {step}", f"light {step}", MINOR) for step in range(5_000)]
    heavy = [
        Clause(step, f"fault {step}", f"heavy {step}", IMPORTANT) for step in range(0, 5_000, 9)
    ]
    texts = [sentence.text for sentence in sentences([*light, *heavy], 3)]
    assert texts == ["Heavy 4977.", "Heavy 4986.", "Heavy 4995."]
    # Lighter ones fill what is left.
    assert [sentence.text for sentence in sentences([*light, *heavy[:1]], 2)] == [
        "Heavy 0.",
        "Light 4999.",
    ]


def test_opening_clause_has_the_weight_of_what_happens_to_its_subject():
    clauses = [
        Clause(1, "op 5", "host 0 writes", MINOR, opens=True),
        Clause(2, "op 5", "it waits", MINOR),
        Clause(3, "op 5", "it fails", IMPORTANT),
        Clause(4, "op 6", "host 1 reads", MINOR, opens=True),
    ]
    assert [clause.weight for clause in lifted(clauses, [])] == [IMPORTANT, MINOR, IMPORTANT, MINOR]
    central = [clause.weight for clause in lifted(clauses, ["op 6"])]
    assert central == [IMPORTANT, MINOR, IMPORTANT, FINDING]
