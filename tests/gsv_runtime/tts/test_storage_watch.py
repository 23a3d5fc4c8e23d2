"""Room that is left is told under each place's name."""

import dataclasses
import threading

from gsv_runtime.metrics import STORAGE_METRICS, STORAGE_PLACES
from gsv_runtime.tts import storage_watch
from gsv_runtime.tts.storage_watch import StorageWatch

from ..conftest import SETTINGS


class Told:
    def __init__(self):
        self.figures, self.all = {}, threading.Event()

    def set(self, name, value, **labels):
        self.figures[name, labels["place"]] = value
        if len(self.figures) == len(STORAGE_METRICS) * len(STORAGE_PLACES):
            self.all.set()


def test_every_place_is_told_until_it_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(storage_watch, "_EVERY_S", 0.01)
    for name in ("voices", "cache"):
        (tmp_path / name).mkdir()
    told = Told()
    watch = StorageWatch.of(dataclasses.replace(SETTINGS, cache_directory="cache"), tmp_path, told)
    assert told.all.wait(60)
    watch.close()
    assert {name for name, _ in told.figures} == {spec.name for spec in STORAGE_METRICS}
    assert told.figures["gsv_storage_writable", "voices"] == 1
