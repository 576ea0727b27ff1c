"""No faults: hosts come and go, read and write. A failure here appears in every experiment."""

from chaos.experiment import Experiment

BASELINE = Experiment(
    name="baseline",
    description="no faults: hosts connect, read, write, flush, disconnect",
    reach={"connects": 1, "disconnects": 1, "reads": 1, "writes": 1, "flushes": 1},
)
