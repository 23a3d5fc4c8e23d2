"""What bytes are, by how they begin: sound files that people have, and what is sent in their place by mistake."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_OPEN_SIZE = 0x7FFF_0000  # and above: what writes to a pipe does not know the size
_FOLLOWS = 0xFFFF_FFFF  # of RF64: the size stands elsewhere
_WHOLE_SHARE = 0.99  # some tools are off by a byte or a frame
_WHOLE_TEXT = 4_096  # bytes looked at to tell text from sound
_MP4_BRANDS = {b"qt  ": ("a QuickTime movie", "mov"), b"3gp": ("3GP, as older phones record it", "3gp")}


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes:
        name: what it is, with its article.
        demuxer: FFmpeg's name of the format; empty where FFmpeg reads none of it, or it is no sound.
        suffix: the usual ending of its name, for the command that converts it.
        advice: what to do, where no command converts it.
    """

    name: str
    demuxer: str = ""
    suffix: str = ""
    advice: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether FFmpeg makes sound of it."""
        return self.demuxer != ""


_RECORDED = "send the recording itself"
# Where the mark stands, the mark, what it means; the first that fits counts.
_MARKS: tuple[tuple[int, bytes, FileKind], ...] = (
    (0, b"\x1a\x45\xdf\xa3", FileKind("WebM or Matroska, as browsers record it", "matroska", "webm")),
    (0, b"#!AMR", FileKind("AMR, as phones and messengers record it", "amr", "amr")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", FileKind("Windows Media (WMA, ASF)", "asf", "wma")),
    (0, b"\x0b\x77", FileKind("AC-3, the sound of films", "ac3", "ac3")),
    (0, b"caff", FileKind("a Core Audio file (CAF)", "caf", "caf")),
    (0, b".snd", FileKind("AU of a kind that is not read", "au", "au")),
    (
        0,
        b"OggS",
        FileKind(
            "OGG that is broken, or ends too early, or has a codec that is not Vorbis, Opus or FLAC", "ogg", "ogg"
        ),
    ),
    (0, b"FLV\x01", FileKind("Flash video", "flv", "flv")),
    (0, b"\x00\x00\x01\xba", FileKind("an MPEG video", "mpeg", "mpg")),
    (0, b"wvpk", FileKind("WavPack", "wv", "wv")),
    (0, b"MAC ", FileKind("Monkey's Audio (APE)", "ape", "ape")),
    (0, b"TTA1", FileKind("True Audio (TTA)", "tta", "tta")),
    (0, b"DSD ", FileKind("DSD (DSF)", "dsf", "dsf")),
    (8, b"AVI ", FileKind("an AVI video", "avi", "avi")),
    (0, b"ADIF", FileKind("AAC (ADIF)", "aac", "aac")),
    (4, b"moov", FileKind("a QuickTime movie", "mov", "mov")),
    (4, b"mdat", FileKind("a QuickTime movie", "mov", "mov")),
    (4, b"wide", FileKind("a QuickTime movie", "mov", "mov")),
    (8, b"WAVE", FileKind("a WAV that is broken, or ends too early, or has a codec that is not read", "wav", "wav")),
    (0, b"fLaC", FileKind("a FLAC file that is broken, or ends before its header says", "flac", "flac")),
    (0, b"ID3", FileKind("an MP3 file that is broken, or ends too early", "mp3", "mp3")),
    (0, b"FORM", FileKind("an AIFF file that is broken, or ends too early", "aiff", "aiff")),
    (1, b"#!SILK", FileKind("SILK, a voice message of WeChat", advice="decode it with silk-v3-decoder first")),
    (0, b"#!SILK", FileKind("SILK, a voice message of Skype", advice="decode it with silk-v3-decoder first")),
    (0, b"MThd", FileKind("MIDI, which are notes and no sound", advice=_RECORDED)),
    (0, b"PK\x03\x04", FileKind("a zip archive", advice="unpack it and send the recording that is inside")),
    (0, b"\x1f\x8b", FileKind("a gzip archive", advice="unpack it and send the recording that is inside")),
    (0, b"Rar!", FileKind("a RAR archive", advice="unpack it and send the recording that is inside")),
    (0, b"7z\xbc\xaf", FileKind("a 7z archive", advice="unpack it and send the recording that is inside")),
    (0, b"%PDF", FileKind("a PDF document", advice=_RECORDED)),
    (0, b"\x89PNG", FileKind("a picture (PNG)", advice=_RECORDED)),
    (0, b"\xff\xd8\xff", FileKind("a picture (JPEG)", advice=_RECORDED)),
    (0, b"GIF8", FileKind("a picture (GIF)", advice=_RECORDED)),
    (0, b"\x7fELF", FileKind("a program", advice=_RECORDED)),
    (0, b"\x93NUMPY", FileKind("a NumPy array", advice="write it as a WAV file: soundfile.write(...)")),
    (0, b"\x80\x02", FileKind("a Python pickle", advice=_RECORDED)),
)
_TEXTS: tuple[tuple[str, FileKind], ...] = (
    (
        r"version https://git-lfs\.github\.com",
        FileKind("a Git LFS pointer, a text that stands for the file", advice="fetch the file itself: git lfs pull"),
    ),
    (
        r"<(!doctype|html|head|body|script|\?xml|svg)",
        FileKind("a web page", advice="open its address in a browser, log in if asked, and download the recording"),
    ),
    (r"[\[{]", FileKind("JSON", advice="send the file's bytes, or their base64, and nothing around them")),
    (r"#EXTM3U|\[playlist\]", FileKind("a playlist", advice="download the recording that it names")),
    (r"https?://|ftp://|s3://|gs://", FileKind("a URL", advice="the server fetches none; download it, send its bytes")),
    (
        r"(file:|[A-Za-z]:[\\/]|[~.]{0,2}/|\\\\)[^\n]*$|[^\s/\\]+([/\\][^\n]+)?\.(wav|mp3|flac|ogg|opus|m4a|aac|webm|amr)$",
        FileKind("a path", advice="the server reads no files of yours; send the file's bytes, or their base64"),
    ),
    (r"([0-9a-f]{2}[\s:]*){8,}$", FileKind("hexadecimal digits", advice="send the bytes, or their base64")),
)
_PLAIN_TEXT = FileKind("text", advice="send the bytes of a recording, or their base64")
_ZEROS = FileKind("nothing but zero bytes", advice="the recording was not written; record or copy it again")
_UNKNOWN = FileKind("of no kind that is known", advice="need a WAV, FLAC, OGG or MP3 file")


def file_kind(data: bytes) -> FileKind:
    """Tell what `data` is, by its first bytes.

    Args:
        data: not empty.
    """
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        for mark, (name, suffix) in _MP4_BRANDS.items():
            if brand.startswith(mark):
                return FileKind(name, "mov", suffix)
        return FileKind("AAC or ALAC in MP4, as phones record it", "mov", "m4a")
    for offset, mark, kind in _MARKS:
        if data.startswith(mark, offset):
            return kind
    if data[:1] == b"\xff" and data[1:2] and data[1] & 0xF6 == 0xF0:
        return FileKind("AAC (ADTS)", "aac", "aac")
    if data[:1] == b"G" and data[188:189] == b"G":
        return FileKind("an MPEG transport stream", "mpegts", "ts")
    return _ZEROS if not data.strip(b"\0") else _text_kind(data)


def broken_off(data: bytes, num_samples: int, promised_samples: int = 0) -> str:
    """Tell a file that ends before its header says, which decoders take for a shorter one.

    Args:
        data: the file.
        num_samples: of each channel that were decoded.
        promised_samples: that the decoder had found in the header; 0: none.

    Returns:
        What is missing, for a message; empty where nothing is, or where the header leaves it open, as that of a pipe.
    """
    promised, found, unit = promised_samples, num_samples, "samples"
    if data[:4] in _SOUND_BYTES:
        promised, found, unit = *_SOUND_BYTES[data[:4]](data), "bytes of sound"
    if not found < _WHOLE_SHARE * promised or promised >= _OPEN_SIZE:
        return ""
    return f"the file ends before its header says ({found:,} of {promised:,} {unit})"


def finished(data: bytes) -> bytes:
    """A WAV file whose recorder never wrote how long it is, with a size that decoders take for open."""
    promised, found = _sound_bytes(data) if data[:4] == b"RIFF" else (0, 0)
    if promised or not found:
        return data
    end = len(data) - found
    return data[: end - 4] + b"\xff" * 4 + data[end:]


def _sound_bytes(data: bytes) -> tuple[int, int]:
    """What the header of a WAV or AIFF file says of its sound, and what is there; zeros where there is none."""
    order: Literal["little", "big"] = "big" if data[:4] == b"FORM" else "little"
    start = 12
    while start + 8 <= len(data):
        size = int.from_bytes(data[start + 4 : start + 8], order)
        if data[start : start + 4] in (b"data", b"SSND"):
            return size, len(data) - start - 8
        start += 8 + size + size % 2
    return 0, 0


def _sound_bytes_of_rf64(data: bytes) -> tuple[int, int]:
    """Of a WAV with sizes of 64 bits, the size of whose sound stands in its chunk ``ds64``."""
    size, found = _sound_bytes(data)
    if size == _FOLLOWS and data[12:16] == b"ds64":
        size = int.from_bytes(data[28:36], "little")
    return size, found


def _sound_bytes_of_w64(data: bytes) -> tuple[int, int]:
    """Of Sony Wave64: GUIDs for names, sizes that count their own 24 bytes, chunks at multiples of 8."""
    start = 40
    while start + 24 <= len(data):
        size = int.from_bytes(data[start + 16 : start + 24], "little")
        if data[start : start + 4] == b"data":
            return max(0, size - 24), len(data) - start - 24
        start += max(24, size + -size % 8)
    return 0, 0


def _sound_bytes_of_au(data: bytes) -> tuple[int, int]:
    """Of Sun's AU: where the sound begins and how long it is stand at its head."""
    return int.from_bytes(data[8:12], "big"), max(0, len(data) - int.from_bytes(data[4:8], "big"))


def _sound_bytes_of_caf(data: bytes) -> tuple[int, int]:
    """Of Core Audio: chunks with sizes of 64 bits; that of sound begins with a counter, and is -1 while it is open."""
    start = 8
    while start + 12 <= len(data):
        size = int.from_bytes(data[start + 4 : start + 12], "big", signed=True)
        if data[start : start + 4] == b"data":
            return max(0, size - 4), len(data) - start - 16
        start += 12 + max(0, size)
    return 0, 0


_SOUND_BYTES: dict[bytes, Callable[[bytes], tuple[int, int]]] = {
    b"RIFF": _sound_bytes,
    b"FORM": _sound_bytes,
    b"RF64": _sound_bytes_of_rf64,
    b"riff": _sound_bytes_of_w64,
    b".snd": _sound_bytes_of_au,
    b"caff": _sound_bytes_of_caf,
}


def as_text(data: bytes) -> str | None:
    """What `data` says where it is text, its marks of byte order taken off; None where it is not."""
    head = data[:4]
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if re.search(r"[\x00-\x08\x0e-\x1f]", text[:_WHOLE_TEXT]) else text


def _text_kind(data: bytes) -> FileKind:
    text = as_text(data)
    if text is None:
        return _UNKNOWN
    text = text.strip().strip("\"'")
    return next((kind for pattern, kind in _TEXTS if re.match(pattern, text, re.IGNORECASE)), _PLAIN_TEXT)
