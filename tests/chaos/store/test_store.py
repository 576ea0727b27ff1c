"""The run directory while several processes write below it."""

from concurrent.futures import ThreadPoolExecutor

from chaos.plan.plan import resolve
from chaos.store.capsule import Capsule, read_capsule
from chaos.store.store import Store
from experiments.catalog import EXPERIMENTS

BASELINE = EXPERIMENTS["baseline"]


def head(seed: int) -> Capsule:
    return Capsule(
        raidstorm_version="test",
        experiment=BASELINE,
        seed=seed,
        driver="sim",
        plan=resolve(BASELINE, seed),
    )


def test_runs_begin_and_are_discarded_side_by_side(tmp_path):
    """Begin and discard runs side by side.

    In 15 000 seeds over two jobs, one job removed the directory in which the other made its own.
    """
    store = Store(tmp_path)

    def begin_and_discard(seed: int) -> None:
        for _ in range(100):
            path = store.begin(head(seed % 2))
            assert read_capsule(path / "capsule.json").seed == seed % 2
            store.discard(path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin_and_discard, range(4)))
    store.drop_if_empty("baseline")
    assert list(tmp_path.iterdir()) == []


def test_campaign_that_ends_takes_no_directory_from_one_that_goes_on(tmp_path):
    def one_campaign(seed: int) -> None:
        store = Store(tmp_path)
        for _ in range(200):
            store.discard(store.begin(head(seed)))
            store.drop_if_empty("baseline")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one_campaign, range(4)))
    assert list(tmp_path.iterdir()) == []


def test_directory_with_a_failing_run_is_kept(tmp_path):
    store = Store(tmp_path)
    path = store.begin(head(1))
    store.drop_if_empty("baseline")
    assert (path / "capsule.json").exists()


def test_two_runs_of_one_seed_in_one_second_have_directories_of_their_own(tmp_path):
    store = Store(tmp_path)
    assert store.begin(head(1)) != store.begin(head(1))
