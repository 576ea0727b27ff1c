"""The public import paths of users' experiments, suites, checks and exported tests stay, whatever moves inside."""

from importlib import import_module

import pytest

# Module -> every name in it since users' files could import it.
PUBLIC = {
    "chaos.experiment": (
        *("KINDS", "NAME", "RUN_PERMILLE", "SUPERBLOCK_SLOTS_MAX", "Anchor", "Experiment"),
        *("ExperimentError", "Fault", "Operation", "OperationKind", "Range", "check_reach"),
        *("pair", "validate"),
    ),
    "chaos.suite": (
        *("NEVER_EXPECTED", "SEED_SECONDS", "Facet", "Suite", "SuiteError", "check_suite"),
        *("facets_of", "subset"),
    ),
    "chaos.schedule": (
        *("CHANGING", "ENGINE_STEPS", "IO", "ORDER", "Admin", "Changing", "CompareAndWrite"),
        *("Connect", "Deliver", "Disconnect", "EngineStep", "FinishIo", "FireTimer", "Flush"),
        *("HostStep", "Impair", "Inject", "Item", "Kill", "Late", "Mark", "Open", "Operate"),
        *("OutsideStep", "PowerLoss", "Read", "Rest", "Restart", "Script", "Stall", "Step"),
        *("Unmap", "Write", "WriteZeroes"),
    ),
    "chaos.history": (
        *("FINGERPRINT_BATCH", "NOT_LOOKED", "Compared", "Completed", "Crashed", "Entry"),
        *("Fingerprint", "Happened", "History", "Invoked", "Seen", "SlotFlag", "Unheard"),
        *("Written", "was_observed"),
    ),
    "chaos.recorder": ("NOTHING", "OUTSIDE_THREAD", "Execution", "Outside", "Recorder"),
    "chaos.checkers.finding": (
        *("DETERMINISM", "NAMES", "SEVERITY", "Evidence", "Finding", "Verdict", "worst"),
    ),
    "chaos.export": ("embedded_capsule", "failure_text", "replay_for_test"),
}


@pytest.mark.parametrize("path", PUBLIC)
def test_public_module_has_every_name_it_had(path):
    module = import_module(path)
    assert [name for name in PUBLIC[path] if not hasattr(module, name)] == []


@pytest.mark.parametrize("path", PUBLIC)
def test_public_module_says_what_is_public(path):
    """``import *`` and type checkers go by ``__all__``, where a module only hands on what others define."""
    module = import_module(path)
    listed = getattr(module, "__all__", PUBLIC[path])
    assert sorted(set(PUBLIC[path]) - set(listed)) == []
    assert [name for name in listed if not hasattr(module, name)] == []
