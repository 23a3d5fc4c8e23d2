from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gsv_client import InvalidRequest
from gsv_client.references import clips_of, reference_bytes

SAMPLES = np.linspace(-1, 1, 8, dtype=np.float32)


@pytest.mark.parametrize("one", [b"RIFF", "a.wav", Path("a.wav"), (SAMPLES, 8_000), (SAMPLES, np.int64(8_000))])
def test_one_recording_is_a_list_of_one(one: object) -> None:
    assert list(clips_of(one)) == [one]  # type: ignore[arg-type]


@pytest.mark.parametrize("several", [["a.wav", b"RIFF"], (b"RIFF", "a.wav"), (), [(SAMPLES, 8_000)]])
def test_several_stay_as_they_are(several: object) -> None:
    assert clips_of(several) is several  # type: ignore[arg-type]


def test_samples_become_a_file_that_holds_them_exactly() -> None:
    samples, rate_hz = soundfile.read(io.BytesIO(reference_bytes((SAMPLES, 8_000))), dtype="float32")
    np.testing.assert_array_equal(samples, SAMPLES)
    assert rate_hz == 8_000


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="need a readable file"):
        reference_bytes(tmp_path)
