"""A device that loads languages by their first text loads no other, and still says what each lacks."""

import gc
import json
import subprocess
import sys

import pytest

from gsv_runtime.text.service import _uncollected

pytestmark = pytest.mark.slow

READ = """
import json, logging, pathlib, sys
import numpy as np
from gsv_runtime.settings import CheckpointFacts, TextFrontendSettings
from gsv_runtime.text.service import TextService

logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
facts = CheckpointFacts("v2", "w", 8, 8, 8, False, 0, 0, 1, 1)
service = TextService(TextFrontendSettings("improved"), facts, pathlib.Path(sys.argv[1]), languages=())
loaded = lambda: sorted({"ToJyutping", "pypinyin", "jamo"} & set(sys.modules))
found = [loaded()]
for text, language in (("Good morning.", "en"), ("你好。", "zh"), ("你好。", "zh")):
    inputs = {"text": text, "language": language, "split_method": "cut5"}
    answer = service.answer({name: np.array([value], object) for name, value in inputs.items()})
    found.append([loaded(), answer["missing"].tolist()])
service.close()
print(json.dumps(found))
"""


def test_a_language_is_loaded_by_its_first_text_and_says_then_what_it_lacks(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    *logged, found = done.stdout.splitlines()
    opened, english, chinese, again = json.loads(found)
    assert opened == []
    assert english == [[], []]
    assert chinese[0] == ["pypinyin"]
    assert [line for line in chinese[1] if "g2pW is missing" in line]
    assert again == chinese
    assert len([line for line in logged if "g2pW is missing" in line]) == 1  # said once


def test_loading_looks_for_no_garbage_and_what_is_loaded_is_left_out_of_later_looks():
    before = gc.get_freeze_count()
    with _uncollected():
        assert not gc.isenabled()
        loaded = [[number] for number in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(loaded)
    with pytest.raises(OSError, match="no such file"), _uncollected():
        raise OSError("no such file")
    assert gc.isenabled()
