"""The driver ``native``: real targets in C, such as SPDK, in processes of their own."""
