"""Reads and writes official checkpoint files."""
