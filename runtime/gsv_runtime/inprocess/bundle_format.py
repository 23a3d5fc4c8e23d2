"""Names inside a bundle, the one file that holds graphs, voices and tables (docs/bundle.md)."""

from __future__ import annotations

FORMAT = "gsv-bundle"
FORMAT_VERSION = 1  # raised when a loader of before could not read what is written now
SUFFIX = ".gsv"

MANIFEST_FILE = "manifest.json"
SYMBOLS_FILE = "symbols.json"
SAMPLE_AUDIO_FILE = "sample.wav"
LICENCES_FOLDER = "licences"
