"""Every stage in one process, without Triton: what a small device runs, and what a bundle's sample is made with."""
