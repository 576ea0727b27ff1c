"""The NVMe-oF target. Mirrors lib/nvmf."""
