"""Voices of inline references as entries of the cache."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from gsv_runtime.cache.entry import Entry
from gsv_runtime.tensors import Array
from gsv_runtime.voices.store import Voice


def voice_entry(voice: Voice, compute_s: float) -> Entry:
    """A voice as it is kept."""
    values = {field.name: getattr(voice, field.name) for field in fields(Voice)}
    arrays: dict[str, Array] = {name: values.pop(name) for name in Voice.ARRAYS}
    report = json.dumps(values.pop("report"), ensure_ascii=False)
    return Entry(arrays, {**values, "report": report, "compute_s": compute_s})


def voice_of(entry: Entry) -> Voice:
    """The voice again; its arrays are read-only."""
    values: dict[str, Any] = {**entry.arrays, **entry.facts}
    del values["compute_s"]
    return Voice(**{**values, "report": json.loads(values["report"])})
