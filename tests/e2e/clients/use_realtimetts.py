"""RealtimeTTS with its OpenAIEngine, unmodified, muted and into a file. Prints JSON."""

import json
import os
import sys
import tempfile
import wave

os.environ["OPENAI_BASE_URL"] = f"{sys.argv[1]}/v1"
os.environ["OPENAI_API_KEY"] = "not-needed"

from RealtimeTTS import OpenAIEngine, TextToAudioStream


def words():
    yield from ("Hello there, ", "how ", "are ", "you? ", "This is ", "another sentence.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        stream = TextToAudioStream(OpenAIEngine(response_format="pcm"), muted=True, tokenizer="rule-based")
        stream.feed(words())
        stream.play(muted=True, output_wavfile=f"{folder}/out.wav")
        with wave.open(f"{folder}/out.wav") as file:
            sys.stdout.write(json.dumps({"samples": file.getnframes()}) + "\n")
