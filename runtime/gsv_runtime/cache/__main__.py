"""`python -m gsv_runtime.cache`: `gsv cache` where the client is not installed, such as in the serving image."""

from gsv_runtime.cache.cli import cache

cache(prog_name="python -m gsv_runtime.cache")
