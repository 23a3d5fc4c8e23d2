"""Names inside a bundle, the one file that holds graphs, voices and tables (docs/bundle.md)."""

from __future__ import annotations

FORMAT = "gsv-bundle"
FORMAT_VERSION = 1  # raised when a loader of before could not read what is written now
SUFFIX = ".gsv"

MANIFEST_FILE = "manifest.json"
SYMBOLS_FILE = "symbols.json"
SAMPLE_AUDIO_FILE = "sample.wav"
LICENCES_FOLDER = "licences"

# What a device needs that has the vocoder; a gateway offers these and no other file.
FOR_DEVICES = ("vocoder/", "tts/1/latent_codec.npz", "build.json", "licences/")


def is_for_devices(name: str) -> bool:
    """Whether a file of a bundle is for devices that finish latents."""
    return name.startswith(FOR_DEVICES)
