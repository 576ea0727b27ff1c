"""What a tree of SPDK offers, found by compiling: a few lines for each feature, never a version's number."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from chaos.drivers.native.build import BuildError, run

REQUIRED = {
    "claims of bdevs": (
        "int f(struct spdk_bdev *b) { return b->internal.claim_type == SPDK_BDEV_CLAIM_NONE || b->internal.claim.v1.module; }"
    ),
    "options of the buffer pools": (
        "int f(struct spdk_iobuf_opts *o) { spdk_iobuf_get_opts(o, sizeof(*o)); return spdk_iobuf_set_opts(o); }"
    ),
    "options of lib/accel": (
        "int f(struct spdk_accel_opts *o) { o->buf_count = 1; spdk_accel_get_opts(o, sizeof(*o)); return 0; }"
    ),
    "buffer caches of lib/bdev": "void f(struct spdk_bdev_opts *o) { o->iobuf_small_cache_size = 1; }",
    "NVMe-oF transports of one's own": "int f(void) { return SPDK_NVME_TRANSPORT_CUSTOM_FABRICS; }",
    "a list of buffers in requests of lib/nvmf": (
        "void f(struct spdk_nvmf_request *r) { r->iov[0].iov_len = 1; r->iovcnt = 1; }"
    ),
}
OPTIONAL = {
    "MAX_RW_SIZE": "void f(struct spdk_bdev *b) { b->max_rw_size = 1; }",
    "TARGET_OPTS_SIZE": "void f(struct spdk_nvmf_target_opts *o) { o->size = 1; }",
    "VOID_REQUEST_OPS": (
        "void g(struct spdk_nvmf_request *r); void f(struct spdk_nvmf_transport_ops *o) { o->req_free = g; }"
    ),
}
HEADERS = (
    "stdinc.h",
    "accel.h",
    "bdev.h",
    "bdev_module.h",
    "env.h",
    "nvmf.h",
    "nvmf_transport.h",
    "thread.h",
    "version.h",
)
VERSION_MARK = "raidstorm_version"


def _source(body: str) -> str:
    return "".join(f'#include "spdk/{header}"\n' for header in HEADERS) + body + "\n"


def _compiles(command: list[str], body: str) -> bool:
    strict = ["-Werror=incompatible-pointer-types", "-Werror=implicit-function-declaration"]
    return run([*command, *strict, "-fsyntax-only", "-x", "c", "-"], _source(body)).returncode == 0


def features(tree: Path, command: list[str], pool: Executor) -> list[str]:
    """Return the optional features that a tree has; raise BuildError if it lacks one that the adapter needs."""
    needed = [pool.submit(_compiles, command, body) for body in REQUIRED.values()]
    wanted = [pool.submit(_compiles, command, body) for body in OPTIONAL.values()]
    first = run([*command, "-fsyntax-only", "-x", "c", "-"], _source(""))
    if first.returncode:
        line = next((line for line in first.stderr.splitlines() if "error" in line), "")
        raise BuildError(
            f"{tree}: its headers can't be compiled: {line.strip() or 'the compiler failed'}"
        )
    for name, probe in zip(REQUIRED, needed, strict=True):
        if not probe.result():
            raise BuildError(
                f"{tree} is too old for raidstorm: it lacks {name}; use SPDK of 2024 or later"
            )
    return [name for name, probe in zip(OPTIONAL, wanted, strict=True) if probe.result()]
