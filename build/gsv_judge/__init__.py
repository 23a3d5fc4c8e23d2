"""Judges speech by ears that had no part in making it: `python -m gsv_judge --help`.

The judges' packages clash with the server's (numpy 2), so they live in an environment of their own: `make judges`.
Every module imports its judge when it is loaded, not when it is imported, so that all the rest runs without.
"""
