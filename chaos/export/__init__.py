"""Other forms of a stored run: for a trace viewer, for a test suite, for an issue."""

from chaos.export.for_test import embedded_capsule, failure_text, replay_for_test

__all__ = ["embedded_capsule", "failure_text", "replay_for_test"]
