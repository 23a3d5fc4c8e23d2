"""What many registered voices cost: a start, a list, a registration, and the first sentence of one of them.

The store is that of a server, in a folder of this machine; `voices` answers as Triton would ask it. Features and
recordings are as large as those of official v2 checkpoints, and one content stands for all but the newest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from gsv_runtime.contract import VOICES, VOICES_PER_LIST
from gsv_runtime.models.catalogue import Catalogue
from gsv_runtime.settings import VoicesSettings
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import check_inputs, to_wire
from gsv_runtime.voices.service import VoiceService
from gsv_runtime.voices.store import Voice, VoiceStore

NUMBERS = (100, 1_000, 10_000)
_WEIGHTS = "weights"
_TEXT = "The young woman found a good book on the table, and the children laughed."
_ROUNDS = 15


def a_voice(number: int) -> tuple[Voice, ReferenceRequest]:
    """A voice of four seconds, with noise for features and recording."""
    draw = np.random.default_rng(number)
    voice = Voice(
        digest=f"{number:064x}",
        weights_digest=_WEIGHTS,
        prompt_text=_TEXT,
        prompt_language="en",
        seconds=4.0,
        prompt_tokens=draw.integers(0, 1024, 100),
        prompt_phones=draw.integers(0, 700, 60),
        prompt_features=draw.standard_normal((1024, 60), np.float32),
        global_condition=draw.standard_normal((1, 512), np.float32),
        report={"speech_s": 4.0, "warnings": []},
    )
    return voice, ReferenceRequest(b"RIFF" + draw.bytes(260_000), _TEXT, "en", False, ())


def fill(state: Path, number: int) -> VoiceStore:
    """Write `number` voices that share one content; only their names' files are many."""
    store = VoiceStore(state / "voices")
    store.add("voice-00000", *a_voice(0))
    names = state / "voices" / "names"
    written = json.loads((names / "voice-00000.json").read_text(encoding="utf-8"))
    for index in range(1, number):
        name = f"voice-{index:05}"
        (names / f"{name}.json").write_text(json.dumps(written | {"voice": name}), encoding="utf-8")
    return store


def milliseconds(run: Callable[[], object]) -> float:
    """Time one call."""
    began_s = time.perf_counter()
    run()
    return (time.perf_counter() - began_s) * 1000


def median_ms(run: Callable[[int], object]) -> float:
    """The median of some calls, each with its number."""
    return statistics.median(milliseconds(lambda index=index: run(index)) for index in range(_ROUNDS))  # type: ignore[misc]


def list_from(service: VoiceService, after: str = "") -> tuple[int, str]:
    """One page of the list, as a request gets it: how many voices, and the last one's name."""
    given = {"action": ["list"], **({"after": [after]} if after else {})}
    inputs = check_inputs(VOICES, to_wire(VOICES, VOICES.inputs, given))
    (reply,) = service.answer(inputs, cast(Stages, None), lambda: False)  # a list asks no stage
    texts = reply.outputs["voices"]
    return len(texts), str(json.loads(texts[-1])["voice"]) if len(texts) else ""


def whole_list(service: VoiceService) -> int:
    """Every page; how many voices they had."""
    size, last = list_from(service)
    number = size
    while size == VOICES_PER_LIST:
        size, last = list_from(service, last)
        number += size
    return number


def measure(number: int) -> dict[str, float]:
    """Figures of a store with so many voices, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        store = fill(state, number)
        settings = VoicesSettings(max_streams=2, max_voices=2 * number + 100, voices_directory="voices")
        service = VoiceService(settings, cast(Catalogue, None), state)  # a list asks no fine-tune
        found = {"start_and_list": milliseconds(lambda: list_from(service))}
        if (listed := whole_list(service)) != number:
            raise RuntimeError(f"{listed} of {number} voices were listed")
        found["list"] = median_ms(lambda _: list_from(service))
        found["whole_list"] = median_ms(lambda _: whole_list(service))
        found["register"] = median_ms(lambda index: store.add(f"new-{index}", *a_voice(index + 1)))
        found["list_after_it"] = milliseconds(lambda: list_from(service))
        found["replace"] = median_ms(lambda index: store.add(f"new-{index}", *a_voice(index + 100)))
        found["first_use"] = median_ms(lambda index: VoiceStore(state / "voices").get(f"new-{index}", _WEIGHTS))
        found["use"] = median_ms(lambda _: store.get("new-0", _WEIGHTS))
        return {name: round(value, 3) for name, value in found.items()}


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--voices", type=int, nargs="+", default=list(NUMBERS), help="how many (default: %(default)s)")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure each number of voices.

    Returns:
        A Markdown table and the values behind it.
    """
    values = {number: measure(number) for number in arguments.voices}
    titles = ["voices", *(name.replace("_", " ") for name in next(iter(values.values())))]
    rows = [
        f"| {number:,} | " + " | ".join(f"{value:.1f}" for value in each.values()) + " |"
        for number, each in values.items()
    ]
    table = "\n".join([f"| {' | '.join(titles)} |", "|" + "---:|" * len(titles), *rows])
    return f"Registered voices, ms, medians of {_ROUNDS} where repeated\n\n{table}", {
        "registered_voices": {str(number): each for number, each in values.items()}
    }
