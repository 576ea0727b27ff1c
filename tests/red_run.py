"""A real red run in this process, with the files of its run directory."""

from pathlib import Path

from chaos.campaigns.runner import Runner, RunSpec
from chaos.showing.wording.words import Words, exact_words
from chaos.store.store import Store
from chaos.store.stored import StoredRun, read_run
from experiments.catalog import EXPERIMENTS
from workers.defects.loader import read_defect


def run_directory(
    root: Path, experiment="connect-during-rebuild", seed=4, defect="new-channel-null-module-ctx"
) -> Path:
    """Run it, and return its directory."""
    defects = (read_defect(defect),) if defect else ()
    spec = RunSpec(
        experiment=EXPERIMENTS[experiment],
        driver="sim",
        defects=defects,
        defect_arguments=(defect,),
        experiment_argument=experiment,
        program="raidstorm",
        out=str(root),
    )
    runner = Runner(spec, Store(root))
    result = runner.run_seed(seed)
    runner.close()
    assert result.run_dir, "this seed is red"
    return Path(result.run_dir)


def words_of(run: StoredRun) -> Words:
    """Return the words for a run, as its pages have them."""
    return exact_words(run.execution, run.capsule.labels)


__all__ = ["read_run", "run_directory", "words_of"]
