"""What is written down of a registered voice, beside its arrays and its recording: names/<voice>.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

_MAX_DERIVED = 4  # weights for which a voice's features are kept: today's, and those that one may go back to


@dataclass(frozen=True)
class VoiceEntry:
    """A registered voice, as `list` shows it."""

    voice: str
    prompt_text: str
    prompt_language: str
    seconds: float
    created: str  # ISO 8601, UTC
    report: dict[str, Any] = field(default_factory=dict)  # of its recording; empty where an older server wrote it
    loudness: float = 0.0  # LUFS that its speech is brought to, unless a request says otherwise; 0: as the model speaks
    model: str = ""  # name of the fine-tune that speaks with it; empty: the first

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(vars(self), ensure_ascii=False)  # asdict copies deeply, which costs a list most of its time


@dataclass(frozen=True)
class VoiceRecord:
    """A registered voice, as it is written down.

    Attributes:
        entry: what `list` shows.
        derived: digests of the weights to digests of what was derived with them, the latest last.
        clips: SHA-256 of each recording; none where an older server wrote the record and kept no recording.
        trim: whether a recording longer than 10 s may be cut.
    """

    entry: VoiceEntry
    derived: Mapping[str, str]
    clips: tuple[str, ...] = ()
    trim: bool = False

    @classmethod
    def parse(cls, data: bytes) -> VoiceRecord:
        """Read a record, of this version or an older one.

        Raises:
            ValueError: it is none.
        """
        try:
            values: dict[str, Any] = json.loads(data)
            known = {kept.name for kept in fields(VoiceEntry)} & values.keys()
            derived = values.get("derived") or {values["weights_digest"]: values["digest"]}
            entry = VoiceEntry(**{name: values[name] for name in known})
            return cls(entry, derived, tuple(values.get("clips", ())), bool(values.get("trim", False)))
        except (KeyError, TypeError, AttributeError) as failure:
            raise ValueError(f"no record of a voice: {type(failure).__name__}: {failure}") from None

    def to_json(self) -> bytes:
        """Write it so that an older version still finds what was derived last."""
        weights, digest = list(self.derived.items())[-1]
        values = {**vars(self.entry), "digest": digest, "weights_digest": weights}
        values |= {"derived": dict(self.derived), "clips": list(self.clips), "trim": self.trim}
        return json.dumps(values, ensure_ascii=False).encode()

    def with_derived(self, weights_digest: str, digest: str) -> VoiceRecord:
        """The same after features were derived with other weights; the oldest of many are forgotten."""
        others = {weights: known for weights, known in self.derived.items() if weights != weights_digest}
        kept = list(others.items())[-(_MAX_DERIVED - 1) :]
        return replace(self, derived={**dict(kept), weights_digest: digest})
