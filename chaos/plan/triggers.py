"""Triggers of failures that an experiment can avoid, so that its runs last long enough to meet others."""

from __future__ import annotations

CHANNELS_IN_REBUILD = "channels-in-rebuild"
TRIGGERS = {
    CHANNELS_IN_REBUILD: "while a rebuild runs, no poll group is created, no namespace attached, no connection opened",
}
