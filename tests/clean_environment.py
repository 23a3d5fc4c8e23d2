"""Wheels of our packages, and an environment in which nothing else of ours is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
_LEFT_OUT = shutil.ignore_patterns("*.egg-info", "__pycache__", "build", "*.so")


def build_wheels(folders, place, *, pure=False):
    """Wheels by folder, built from copies of what git has; `pure` leaves out what is compiled."""
    for folder in folders:
        source = place / folder
        shutil.copytree(ROOT / folder, source, ignore=_LEFT_OUT)
        build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(place), str(source)]
        environment = {**os.environ, **({"GSV_PURE_WHEEL": "1"} if pure else {})}
        subprocess.run([sys.executable, "-m", "pip", *build], check=True, env=environment)
    return {folder: next(place.glob(f"gsv_{folder}-{VERSION}-*.whl")) for folder in folders}


def environment_with(wheels, place):
    """The folder of programs of an environment with these wheels.

    Packages of others are those of this environment, put on the path without its ``.pth`` files: what is installed
    in editable form from the checkout is therefore not there.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    install = ["install", "--quiet", "--no-deps", "--target", str(packages), *map(str, wheels)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    (packages / "others.pth").write_text(str(Path(pytest.__file__).parents[1]), encoding="utf-8")
    return place / "bin"
