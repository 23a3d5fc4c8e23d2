"""EnCodec of 24 kHz by the operator's own weights: samples to the bytes of an ``.ecdc`` file, and back.

The graphs are made by `python -m gsv_build encodec`. A stream has the codes of the whole: the LSTM's state and the
frames that convolutions see are kept from piece to piece.

Source: the file format of the package `encodec` 0.1.1 (header, then codes of 10 bits, least bit first), and Défossez et
al. 2022. Different on purpose: a stream, whose length nobody knows yet, has null in its header for it.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gsv_gateway.audio.samples import Samples

BITS = 10  # of a code
DEFAULT_BIT_RATE = 6_000
_HEADER = struct.Struct("!4sBI")
_MAGIC, _VERSION = b"ECDC", 0
_SEEN_FRAMES = 2  # that convolutions see back, before the LSTM
_FIRST_FRAMES = 8  # of a stream's first piece: its beginning is mirrored
_MAX_HEADER_BYTES = 1_000


@dataclass(frozen=True)
class Encodec:
    """The graphs of one model; safe to share between threads."""

    graphs: Any  # name to session
    tables: np.ndarray[Any, Any]  # [Q, E, D] float32
    model: str
    rate_hz: int
    hop: int
    width: int
    kernel: int

    @classmethod
    def open(cls, folder: Path) -> Encodec:
        """Load a folder of `python -m gsv_build encodec`.

        Raises:
            ValueError: It is none, or ONNX Runtime is not installed.
        """
        try:
            import onnxruntime
        except ImportError:
            raise ValueError("EnCodec needs ONNX Runtime: pip install 'gsv-gateway[encodec]'") from None
        try:
            facts = json.loads((folder / "encodec.json").read_text(encoding="utf-8"))
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            graphs = {
                name: onnxruntime.InferenceSession(
                    str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
                )
                for name in ("analysis", "memory", "leave", "synthesis")
            }
            tables = np.load(folder / "tables.npy")
            sizes = (int(facts[name]) for name in ("sample_rate_hz", "hop", "width", "kernel"))
            return cls(graphs, tables, str(facts["model"]), *sizes)
        except Exception as failure:  # ONNX Runtime has errors of its own
            message = f"{folder} has no EnCodec ({failure}); make it with `python -m gsv_build encodec FILE`"
            raise ValueError(message) from None

    @property
    def bit_rates(self) -> tuple[int, int]:
        """Least and most bits a second: of one table, and of all."""
        one = BITS * self.rate_hz // self.hop
        return one, one * len(self.tables)

    def tables_for(self, bit_rate: int) -> int:
        """Tables that come nearest to a rate; at least one."""
        return min(max(round(bit_rate / self.bit_rates[0]), 1), len(self.tables))

    def run(self, graph: str, *inputs: Samples) -> list[Any]:
        """Run a graph on its inputs, in order."""
        session = self.graphs[graph]
        names = [each.name for each in session.get_inputs()]
        made: list[Any] = session.run(None, dict(zip(names, inputs, strict=True)))
        return made

    def codes(self, latents: Samples, tables: int) -> np.ndarray[Any, Any]:
        """Nearest sums of entries; [D, F] to [F, tables]."""
        residual = np.ascontiguousarray(latents.T)
        chosen = np.zeros((len(residual), tables), dtype=np.int64)
        for number, table in enumerate(self.tables[:tables]):
            nearest = (residual @ table.T - 0.5 * np.square(table).sum(axis=1)).argmax(axis=1)
            residual = residual - table[nearest]
            chosen[:, number] = nearest
        return chosen

    def encoder(self, bit_rate: int = DEFAULT_BIT_RATE) -> EncodecEncoder:
        """An encoder of one stream."""
        return EncodecEncoder(self, self.tables_for(bit_rate))

    def whole(self, samples: Samples, bit_rate: int = DEFAULT_BIT_RATE) -> bytes:
        """A file whose header says how long it is."""
        encoder = EncodecEncoder(self, self.tables_for(bit_rate), length=samples.size)
        return encoder.encode(samples) + encoder.finish()

    def decode(self, data: bytes) -> Samples:
        """Read a file or a stream; [N] float32.

        Raises:
            ValueError: It is none, or another model's.
        """
        header, packed = _read_header(data)
        tables, length = int(header["nc"]), header.get("al")
        if header["m"] != self.model or not 0 < tables <= len(self.tables):
            raise ValueError(
                f"this is {header['m']} with {tables} tables; need {self.model}, at most {len(self.tables)}"
            )
        bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little")
        frames = bits.size // (BITS * tables) if length is None else -(-int(length) // self.hop)
        if bits.size < frames * tables * BITS:
            raise ValueError(f"this has {bits.size} bits; need {frames * tables * BITS}: it is cut off")
        codes = bits[: frames * tables * BITS].reshape(frames, tables, BITS) @ (1 << np.arange(BITS))
        latents = np.sum([table[codes[:, number]] for number, table in enumerate(self.tables[:tables])], axis=0)
        padded = np.zeros((1, self.tables.shape[2], max(frames, _FIRST_FRAMES)), dtype=np.float32)
        padded[0, :, :frames] = latents.T  # what comes after changes nothing
        (samples,) = self.run("synthesis", padded)
        heard: Samples = samples[0, : frames * self.hop if length is None else int(length)]
        return heard


class EncodecEncoder:
    """Codes of one stream; see `encoders.Encoder`."""

    def __init__(self, model: Encodec, tables: int, length: int | None = None) -> None:
        self._model, self._tables, self._length = model, tables, length
        self._waiting = np.zeros(0, dtype=np.float32)
        self._seen = np.zeros(0, dtype=np.float32)  # the last samples that were taken
        state = np.zeros((2, 1, model.width), dtype=np.float32)
        self._states = [state, state]
        self._before: Samples | None = None  # [1, width, kernel - 1], what the last convolution sees back
        self._bits = np.zeros(0, dtype=np.uint8)  # that do not fill a byte yet
        self._begun = False

    def encode(self, samples: Samples) -> bytes:
        """The codes of all frames that are full."""
        self._waiting = np.concatenate([self._waiting, samples.astype(np.float32)])
        frames = self._waiting.size // self._model.hop
        if not frames or (self._before is None and frames < _FIRST_FRAMES):
            return b""
        return self._taken(frames)

    def finish(self) -> bytes:
        """The last frame, filled with silence, and the last bits."""
        hop, data = self._model.hop, b""
        frames = -(-self._waiting.size // hop)
        if frames:
            enough = max(frames, _FIRST_FRAMES) if self._before is None else frames
            self._waiting = np.pad(self._waiting, (0, enough * hop - self._waiting.size))
            data = self._taken(enough, kept=frames)
        return data + self._head() + np.packbits(self._bits, bitorder="little").tobytes()

    def _taken(self, frames: int, kept: int | None = None) -> bytes:
        """Write frames that wait; the first `kept` of them."""
        model, size = self._model, frames * self._model.hop
        window = np.concatenate([self._seen, self._waiting[:size]])
        before = self._seen.size // model.hop
        self._seen, self._waiting = window[-_SEEN_FRAMES * model.hop :], self._waiting[size:]
        (features,) = model.run("analysis", window[np.newaxis])
        remembered, *self._states = model.run("memory", np.ascontiguousarray(features[:, :, before:]), *self._states)
        back = model.kernel - 1
        if self._before is None:
            self._before = remembered[:, :, 1 : back + 1][:, :, ::-1]
        joined = np.concatenate([self._before, remembered], axis=2)
        self._before = joined[:, :, -back:]
        (latents,) = model.run("leave", joined)
        return self._head() + self._packed(model.codes(latents[0], self._tables)[:kept])

    def _packed(self, codes: np.ndarray[Any, Any]) -> bytes:
        """Whole bytes of codes, the least bit first."""
        bits = (codes.reshape(-1, 1) >> np.arange(BITS) & 1).astype(np.uint8).reshape(-1)
        bits = np.concatenate([self._bits, bits])
        full = bits.size // 8 * 8
        self._bits = bits[full:]
        return np.packbits(bits[:full], bitorder="little").tobytes()

    def _head(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        told = {"m": self._model.model, "al": self._length, "nc": self._tables, "lm": False}
        text = json.dumps(told).encode()
        return _HEADER.pack(_MAGIC, _VERSION, len(text)) + text


def _read_header(data: bytes) -> tuple[dict[str, Any], bytes]:
    """What a file says of itself, and its codes."""
    try:
        magic, version, size = _HEADER.unpack_from(data)
        if (magic, version) != (_MAGIC, _VERSION) or size > _MAX_HEADER_BYTES:
            raise ValueError(f"it begins with {magic!r}, version {version}")
        header = json.loads(data[_HEADER.size : _HEADER.size + size])
        if header["lm"]:
            raise ValueError("its codes were packed by a language model, which is not read here")
        int(header["nc"]), header["m"]
    except (struct.error, ValueError, KeyError, TypeError) as failure:
        raise ValueError(f"this is no .ecdc file: {failure}") from None
    return header, data[_HEADER.size + size :]
