"""The two sides of a comparison: the engine, and SPDK's own code; each makes players for one scenario after the other."""

from __future__ import annotations

from collections.abc import Callable

from chaos.base.interrupt import never
from chaos.conforming.dialect import Dialect
from chaos.conforming.engine_dialect import EngineDialect
from chaos.conforming.observe import Sizes
from chaos.conforming.player import Player
from chaos.conforming.scenario import Setup, Units
from chaos.conforming.spdk_dialect import DATA_OFFSET, DISK_BLOCKS, SpdkDialect
from chaos.drivers.make import Stepped, stepped_driver
from chaos.plan.target_id import TargetId
from workers.bdev.io import BLOCK_SIZE
from workers.protocol import DefectSource

UNITS = Units(DISK_BLOCKS, BLOCK_SIZE, DATA_OFFSET)  # of what SPDK's own code is asked for


class Side:
    """A driver and its dialect."""

    def __init__(
        self,
        driver: Stepped,
        dialect: Dialect,
        units: Units,
        defects: tuple[DefectSource, ...] = (),
    ) -> None:
        self.driver = driver
        self._dialect = dialect
        self._defects = defects
        self._units = Sizes(units.disk_blocks, units.data_offset_blocks)

    def player(self, setup: Setup, size_max: float) -> Player:
        """Start a new target; the one before is over."""
        return Player(self.driver, self._dialect, setup, size_max, self._units, self._defects)


def engine_side(
    units: Units,
    gives_up: Callable[[], bool] = never,
    defects: tuple[DefectSource, ...] = (),
) -> Side:
    """Return the engine with disks of its own size, for scenarios with these units."""
    return Side(stepped_driver(None, gives_up), EngineDialect(), units, defects)


def engine_on_spdk_disks(
    gives_up: Callable[[], bool] = never, defects: tuple[DefectSource, ...] = ()
) -> Side:
    """Return the engine with disks as large as SPDK's, which can have superblocks that SPDK has written."""
    sizes = Sizes(UNITS.disk_blocks, UNITS.data_offset_blocks)
    return Side(stepped_driver(None, gives_up), EngineDialect(sizes), UNITS, defects)


def spdk_side(target: TargetId, units: Units, gives_up: Callable[[], bool] = never) -> Side:
    """Return SPDK's own code, which the user has named."""
    return Side(stepped_driver(target, gives_up), SpdkDialect(), units)
