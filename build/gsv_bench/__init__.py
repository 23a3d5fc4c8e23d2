"""Benchmarks: figures as ratios, A and B alternately in one run, because machines are shared."""
