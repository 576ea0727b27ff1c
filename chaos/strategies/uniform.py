"""random: each engine step alike, faults at any moment, I/O anywhere. What the others are measured against."""

from __future__ import annotations

from chaos.scheduler import RandomScheduler
from chaos.strategies.base import Strategy

RANDOM = Strategy(what="each possible step alike", scheduler=RandomScheduler)
