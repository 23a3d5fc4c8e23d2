"""What lies where a checkpoint is expected: named by its first bytes, with what to do."""

from __future__ import annotations

HEAD_BYTES = 512

_AGAIN = "download it again"
_SAVE_ANEW = "save it anew: python -c \"import torch; torch.save(torch.load('OLD', map_location='cpu'), 'NEW')\""
_MARKS = (
    (
        b"version https://git-lfs",
        "a Git LFS pointer (some 130 bytes of text that stand for the file); run `git lfs pull`",
    ),
    (b"\x80\x02", f"a file of PyTorch before 1.6; {_SAVE_ANEW}"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"ustar", "a tar archive; unpack it"),
    (b"GGUF", "a GGUF file; need the checkpoint that it was made from"),
    (b"RIFF", "a WAV file, a recording; need the checkpoint"),
    (b"fLaC", "a FLAC file, a recording; need the checkpoint"),
    (b"\x93NUMPY", "a NumPy array; need the checkpoint"),
    (b"%PDF", "a PDF document; need the checkpoint"),
)
_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<svg")


def named(head: bytes) -> str:
    """Say what a file is, and what to do.

    Args:
        head: its first bytes, at most HEAD_BYTES.
    """
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if not head:
        return "empty: the download broke off, or the disk is full; " + _AGAIN
    if text.startswith(_PAGES):
        return "a web page, no checkpoint; open its address in a browser, log in if asked, and download the file"
    for mark, what in _MARKS:
        if head.startswith(mark) or (mark == b"ustar" and head[257:262] == mark):
            return what
    if head[:1] == b"\x08" and any(maker in head[:64] for maker in (b"pytorch", b"onnx", b"tf2onnx")):
        return "an ONNX graph; need the checkpoint that it was made from"
    if head[8:10] == b'{"':
        return "a safetensors file; need the .ckpt or .pth that it was made from, or a directory of HuBERT or BERT"
    if text.startswith((b"{", b"[")):
        return "JSON, no checkpoint; if it tells of an error, mend that, and " + _AGAIN
    if not head.strip(b"\0"):
        return "nothing but zero bytes: the download or the copy broke off; " + _AGAIN
    if _is_text(head):
        return "text, no checkpoint; " + _AGAIN
    return (
        f"of no known kind (it starts with {head[:2]!r}); need a zip ('PK', or two version digits), as written by "
        f"PyTorch 1.6 or later; {_AGAIN}, or save it anew"
    )


def _is_text(head: bytes) -> bool:
    try:
        return head.decode("utf-8").isprintable() or b"\n" in head
    except UnicodeDecodeError:
        return False
