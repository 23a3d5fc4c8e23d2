"""The modules that know Triton, on top of a double of its Python API."""

import importlib
import sys
from types import SimpleNamespace

import pytest

from .triton_double import double

MODULES = ("messages", "stage_calls", "streams", "metrics")


@pytest.fixture
def door(monkeypatch):
    """Fresh imports of the modules by name; `door.stage_replies` answers BLS calls."""
    replies = []
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", double(replies))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, f"gsv_runtime.triton.{name}", raising=False)
    modules = {name: importlib.import_module(f"gsv_runtime.triton.{name}") for name in MODULES}
    yield SimpleNamespace(**modules, stage_replies=replies)
    for name in MODULES:
        sys.modules.pop(f"gsv_runtime.triton.{name}", None)
