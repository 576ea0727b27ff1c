"""The bdev layer. Mirrors lib/bdev."""
