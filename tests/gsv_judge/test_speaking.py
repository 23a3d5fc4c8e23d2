import json

import numpy as np
import pytest
import soundfile

from gsv_client import Audio, Chunk
from gsv_judge.clips import read_folder
from gsv_judge.speaking import in_turn, read_speakers, read_texts, speak, with_originals

from .conftest import RATE_HZ, hum


class Client:
    """Says every text as a hum, streamed in two chunks."""

    def __init__(self):
        self.voices, self.asked = [], []

    def register_voice(self, voice, reference_audio, prompt_text=None, prompt_language=None):
        self.voices.append((voice, reference_audio.name, prompt_text, prompt_language))

    def synthesize(self, text, **options):
        self.asked.append((text, options["voice"], options["streaming"]))
        self.options = options
        samples = hum(200)
        parts = np.split(samples, [10_000]) if options["streaming"] == "chunk" else [samples]
        chunks = tuple(Chunk(part, RATE_HZ, index) for index, part in enumerate(parts))
        return Audio(samples, RATE_HZ, chunks, elapsed_s=0.5)


@pytest.fixture
def references(tmp_path):
    folder = tmp_path / "references"
    folder.mkdir()
    rows = []
    for voice in ("ann", "bob"):
        soundfile.write(folder / f"{voice}.flac", hum(200, 4.0), RATE_HZ)
        rows.append({"voice": voice, "audio": f"{voice}.flac", "prompt_text": "Hm.", "prompt_language": "en"})
    (folder / "references.json").write_text(json.dumps(rows))
    return folder


def test_speakers_take_turns_and_are_registered_once(tmp_path, references):
    client = Client()
    sayings = in_turn(["One.", "Two.", "Three."], "en", read_speakers(references))
    speak(client, sayings, tmp_path / "out", ["chunk"], seed=1)
    assert client.voices == [("ann", "ann.flac", "Hm.", "en"), ("bob", "bob.flac", "Hm.", "en")]
    assert client.asked == [("One.", "ann", "chunk"), ("Two.", "bob", "chunk"), ("Three.", "ann", "chunk")]


def test_further_options_are_those_of_every_request(tmp_path, references):
    client = Client()
    sayings = in_turn(["One."], "en", read_speakers(references))
    speak(client, sayings, tmp_path / "out", ["chunk"], seed=1, retries=0, timestamps="word")
    assert {"seed": 1, "cache": "off", "retries": 0, "timestamps": "word"}.items() <= client.options.items()


def test_what_was_spoken_can_be_judged(tmp_path, references):
    speak(Client(), in_turn(["One."], "en", read_speakers(references)), tmp_path / "out", ["chunk"], seed=1)
    (clip,) = read_folder(tmp_path / "out")
    assert clip.text == "One."
    assert clip.speaker == "ann"
    assert clip.reference.resolve() == (references / "ann.flac").resolve()
    assert clip.chunk_samples == (10_000, 14_000)
    assert clip.rtf == pytest.approx(0.5)


def test_a_stream_is_judged_beside_the_whole(tmp_path, references):
    sayings = in_turn(["One."], "en", read_speakers(references))
    speak(Client(), sayings, tmp_path / "out", ["off", "chunk"], seed=1)
    whole, streamed = read_folder(tmp_path / "out")
    assert whole.aligned is None
    assert streamed.aligned.resolve() == whole.audio.resolve()


def test_an_original_is_found_by_text_and_speaker(tmp_path, references, folder):
    sayings = in_turn(["The bakery opens early.", "Two."], "en", read_speakers(references))
    found = with_originals(sayings, folder)
    assert found[0].original.name == "1-ann.wav"
    assert found[1].original is None
    with pytest.raises(ValueError, match="need the same turn of both"):
        with_originals(sayings[1:], folder)


def test_texts_are_lines_without_comments(tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("# a comment\nOne.\n\n Two. \n")
    assert read_texts(file) == ["One.", "Two."]
    file.write_text("# nothing\n")
    with pytest.raises(ValueError, match="holds no text; need one a line"):
        read_texts(file)


def test_a_folder_without_speakers_says_what_it_needs(tmp_path):
    with pytest.raises(ValueError, match="need a list of voice, audio, prompt_text and prompt_language"):
        read_speakers(tmp_path)
