"""The deeper explanation methods, run in a process of their own."""
