"""Speak phones with a bundle of gsv-triton: NumPy, ONNX Runtime, and none of its packages (docs/bundle.md).

    python speak.py voice.gsv -o sample.wav                           the bundle's sample
    python speak.py voice.gsv --phones "HH AH0 L OW1 ." -o hello.wav

It draws nothing: the likeliest token is taken and no noise is added, so every loader gives the same audio.
"""

import argparse
import io
import json
import struct
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime

BLOCKED = np.float32(-1e4)


class Speaker:
    """One bundle, opened."""

    def __init__(self, path, folder):
        self.archive = zipfile.ZipFile(path)
        self.manifest = json.loads(self.archive.read("manifest.json"))
        if (self.manifest["format"], self.manifest["format_version"]) != ("gsv-bundle", 1):
            raise ValueError(f"{path} is no gsv-bundle of version 1")
        if "vocoder/1/model.onnx" not in self.archive.namelist():
            raise ValueError(f"{path} has a light vocoder, which is not read here")
        self.symbols = {name: index for index, name in enumerate(json.loads(self.archive.read("symbols.json")))}
        for stage in ("t2s", "acoustic", "vocoder"):  # graphs have weight files beside them
            for name in self.manifest["stages"][stage]["files"]:
                self.archive.extract(name, folder)
        options = onnxruntime.SessionOptions()
        self.t2s, self.acoustic, self.vocoder = (
            onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])
            for name in ("t2s/1/t2s.onnx", "acoustic/1/model.onnx", "vocoder/1/model.onnx")
        )

    def phones(self, names):
        """Numbers of phones by their names."""
        if unknown := [name for name in names if name not in self.symbols]:
            sys.exit(f"{' '.join(unknown)}: no such phones; symbols.json of the bundle has them all")
        return [self.symbols[name] for name in names]

    def voice(self, name):
        """Arrays of a voice: prompt_tokens [T], prompt_phones [P], prompt_features [D, P], global_condition [1, G]."""
        return np.load(io.BytesIO(self.archive.read(self.manifest["voices"][name]["arrays"])))

    def tokens(self, phones, voice):
        """Phones [P] to semantic tokens [T], 25 a second."""
        rules, sizes = self.manifest["token_rules"], self.manifest["t2s_sizes"]
        text = np.concatenate([voice["prompt_phones"], phones])
        prompt = voice["prompt_tokens"]
        limit = int(max(rules["limit_tokens_at_least"], rules["limit_tokens_per_phone"] * phones.size))
        limit = min(limit, 1500, sizes["max_positions"] - prompt.size)
        rows = text.size + prompt.size
        head_dim = sizes["hidden"] // sizes["heads"]
        shape = (1, sizes["heads"], rows + limit, head_dim)
        caches = {
            f"{kind}_cache_{layer}": onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
            for layer in range(sizes["layers"])
            for kind in ("key", "value")
        }
        logits = self.run_t2s(self.prompt_rows(text, prompt, voice["prompt_features"], sizes["bert_dim"]), caches)
        present = np.zeros(sizes["vocabulary"], bool)
        present[prompt] = True
        made = []
        while len(made) < limit:
            token = self.likeliest(logits, present, len(made), rules)
            if token == sizes["vocabulary"] - 1:
                break
            made.append(token)
            present[token] = True
            window = int(rules["repetition_window"])
            if window and len(made) >= window and len(set(made[-window:])) < rules["repetition_least_distinct"]:
                break
            logits = self.run_t2s(self.token_row(token, len(made), rows, prompt.size, sizes["bert_dim"]), caches)
        return np.array(made, np.int64)

    @staticmethod
    def likeliest(logits, present, num_made, rules):
        """The token to take from logits [V]: those already there are rarer, and the last, the end, may not be first."""
        penalty = np.float32(rules["repetition_penalty"])
        logits = np.where(present, np.where(logits < 0, logits * penalty, logits / penalty), logits)
        if num_made < rules["min_tokens"]:
            logits[-1] = -np.inf
        return int(logits.argmax())

    @staticmethod
    def prompt_rows(text, prompt, prompt_features, bert_dim):
        """The first call: text sees all text, a token all text and the tokens up to itself."""
        rows = text.size + prompt.size
        index = np.arange(rows)
        is_text = index < text.size
        visible = is_text[None, :] | (index[None, :] <= index[:, None])
        features = np.zeros((1, rows, bert_dim), np.float32)
        features[0, : prompt_features.shape[1]] = prompt_features.T  # of other text than Chinese they are zeros
        return {
            "phones": np.pad(text, (0, prompt.size))[None],
            "tokens": np.pad(prompt, (text.size, 0))[None],
            "bert_features": features,
            "is_text": is_text[None],
            "positions": np.where(is_text, index, index - text.size)[None],
            "attention_bias": np.where(visible, np.float32(0), BLOCKED)[None, None],
            "last_rows": np.array([rows - 1], np.int32),
            "total_rows": np.array(rows, np.int32),
            "scored_rows": np.array([rows - 1]),
        }

    @staticmethod
    def token_row(token, num_made, prompt_rows, num_prompt_tokens, bert_dim):
        """A further call: one token, appended to what the caches hold."""
        rows = prompt_rows + num_made - 1
        return {
            "phones": np.zeros((1, 1), np.int64),
            "tokens": np.array([[token]]),
            "bert_features": np.zeros((1, 1, bert_dim), np.float32),
            "is_text": np.zeros((1, 1), bool),
            "positions": np.array([[num_prompt_tokens + num_made - 1]]),
            "attention_bias": np.zeros((1, 1, 1, rows + 1), np.float32),
            "last_rows": np.array([rows], np.int32),
            "total_rows": np.array(rows + 1, np.int32),
            "scored_rows": np.array([0]),
        }

    def run_t2s(self, inputs, caches):
        """One call; the caches are input and output in the same memory. Logits [V] of the next token."""
        binding = self.t2s.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(array))
        for name, value in caches.items():
            binding.bind_ortvalue_input(name, value)
            binding.bind_ortvalue_output(f"new_{name}", value)
        binding.bind_output("logits")
        self.t2s.run_with_iobinding(binding)
        return binding.get_outputs()[-1].numpy()[0]  # in the order in which they were bound

    def waveform(self, tokens, phones, voice):
        """Tokens [T] to samples [1280 T] in [-1, 1] at 32 kHz."""
        frames = self.manifest["audio"]["frames_per_token"] * tokens.size
        lengths = {"frame_lengths": np.array([[frames]]), "global_condition": voice["global_condition"]}
        latents = self.acoustic.run(
            ["latents"],
            {
                "semantic_tokens": tokens[None],
                "token_lengths": np.array([[tokens.size]]),
                "phones": phones[None],
                "phone_lengths": np.array([[phones.size]]),
                "noise": np.zeros((1, self.manifest["facts"]["latent_dim"], frames), np.float32),
                "frame_positions": np.arange(frames, dtype=np.float32)[None],
                **lengths,
            },
        )[0]
        return np.clip(self.vocoder.run(["waveform"], {"latents": latents, **lengths})[0][0], -1, 1)


def write_wav(path, samples, rate_hz):
    """32-bit floats in a WAV file."""
    data = samples.astype("<f4").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, rate_hz, 4 * rate_hz,
                       4, 32, b"data", len(data))  # fmt: skip
    Path(path).write_bytes(head + data)


def main():
    """Speak what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("-o", "--output", default="speech.wav")
    parser.add_argument("--phones", help="names from symbols.json, with spaces between; default: the sample's")
    parser.add_argument("--voice", help="default: the bundle's")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        speaker = Speaker(arguments.bundle, Path(folder))
        sample = speaker.manifest["sample"]
        ids = speaker.phones(arguments.phones.split()) if arguments.phones else sample["phones"]
        phones, voice = np.array(ids, np.int64), speaker.voice(arguments.voice or speaker.manifest["default_voice"])
        tokens = speaker.tokens(phones, voice)
        samples = speaker.waveform(tokens, phones, voice)
    write_wav(arguments.output, samples, speaker.manifest["audio"]["sample_rate_hz"])
    sys.stderr.write(f"{arguments.output}: {samples.size / 32000:.2f} s, {tokens.size} tokens\n")
    json.dump({"tokens": tokens.tolist()}, sys.stdout)


if __name__ == "__main__":
    main()
