"""Registered speakers: their clips, what is derived from them, and where they are kept."""
