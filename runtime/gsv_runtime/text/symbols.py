"""Phone tables of the GPT-SoVITS checkpoints: phone name to the id that the embeddings were trained with.

Source: RVC-Boss/GPT-SoVITS `text/symbols.py` (322 phones, v1) and `text/symbols2.py` (732, every later
version); the first 322 of both are the same, so that one packaged list, in id order, holds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

NUM_PHONES = {"v1": 322, "v2": 732}
UNKNOWN = "UNK"
PUNCTUATION = frozenset("!?…,.-")


@cache
def phone_table(name: str) -> Mapping[str, int]:
    """Phone name to id, in id order.

    Args:
        name: ``v1`` (322 phones) or ``v2`` (732).

    Raises:
        ValueError: the name is neither.
    """
    if name not in NUM_PHONES:
        raise ValueError(f"phone table {name!r} does not exist; have {', '.join(NUM_PHONES)}")
    listed = resources.files("gsv_runtime.text").joinpath("data/phones.txt").read_text(encoding="utf-8")
    names = listed.split("\n")[: NUM_PHONES[name]]
    return MappingProxyType({phone: index for index, phone in enumerate(names)})
