"""Samples into bytes that clients play, while they are spoken."""
