"""Defects in users' own files: caught under each driver, and replayed only when their code may run."""

import pytest

from chaos.checkers import Verdict
from tests.inside import inside, run_inside

pytestmark = pytest.mark.processes

CRASHES = '''"""The target dies when a member has been rebuilt."""

from workers.raid.rebuild import Rebuild


class Dies(Rebuild):
    async def finish(self, thread):
        await super().finish(thread)
        assert self.record.process_status, "a rebuild has ended well"
'''
WRONG_BLOCK = '''"""What is written to block 4 lands in block 5."""

from workers.bdev.io import BdevIo, IoType
from workers.raid.raid1 import Raid1


class Misplaces(Raid1):
    async def write(self, channel, paths, io):
        if io.io_type is IoType.WRITE and io.offset == 4:
            io = BdevIo(io.io_type, 5, io.count, io.data)
        return await super().write(channel, paths, io)
'''
SKIPS_A_WINDOW = '''"""A rebuild ends before its last window."""

from workers.raid.rebuild import Rebuild


class Skips(Rebuild):
    async def copy(self, channel, first, count):
        if first + count >= self.bdev.record.num_blocks:
            return True
        return await super().copy(channel, first, count)
'''
LEAKS = '''"""A disconnect forgets that a namespace's channel was taken."""

from workers.nvmf.poll_group import PollGroup


class Leaks(PollGroup):
    def _put_namespace_channel(self, nsid):
        channel = self.namespaces[nsid]
        self.thread.get_io_channel(channel.bdev_channel.device)
        super()._put_namespace_channel(nsid)
'''
NEEDLESS_ERRORS = '''"""Only one member is asked for a block, also when it can't be read there."""

from workers.raid.raid1 import Raid1


class AsksOne(Raid1):
    def read_order(self, context, paths):
        return super().read_order(context, paths)[:1]
'''
OWN = {
    "dies_after_a_rebuild": (CRASHES, "disk-failure", ("crash",)),
    "misplaces_a_block": (WRONG_BLOCK, "baseline", ("register", "copies")),
    "skips_the_last_window": (SKIPS_A_WINDOW, "disk-failure", ("mirrors", "register", "copies")),
    "leaks_a_channel": (LEAKS, "namespace-churn", ("references",)),
    "asks_one_member_only": (NEEDLESS_ERRORS, "bad-blocks", ("availability",)),
}
SEEDS_MAX = {"sim": 60, "lockstep": 60, "realtime": 30}


@pytest.mark.parametrize("driver", list(SEEDS_MAX))
@pytest.mark.parametrize("name", list(OWN))
def test_own_defect_is_caught_under_every_driver(tmp_path, name, driver):
    source, experiment, checks = OWN[name]
    path = tmp_path / f"{name}.py"
    path.write_text(source)
    report = run_inside(
        *(experiment, "--driver", driver, "--seeds", str(SEEDS_MAX[driver]), "-x"),
        *("--defect", str(path)),
        out=tmp_path / "runs",
    )
    failure = report["failures"][0]
    assert failure["check"] in checks, failure["summary"]
    assert report["exit_code"] == (Verdict.CRASHED if "crash" in checks else Verdict.INVALID)
    assert "--allow-code" in failure["replay"]


def test_replay_runs_a_users_defect_only_when_told_so(tmp_path):
    path = tmp_path / "misplaces.py"
    path.write_text(WRONG_BLOCK)
    out = tmp_path / "runs"
    report = run_inside("baseline", "--seeds", "60", "-x", "--defect", str(path), out=out)
    directory = report["failures"][0]["run_dir"]
    refused = inside("replay", directory)
    assert refused.returncode == 2
    assert "--allow-code" in refused.stderr
    assert inside("replay", directory, "--allow-code").returncode == report["exit_code"]
