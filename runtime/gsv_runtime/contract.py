"""Every model's tensors: name, dtype, axes, unit. The one place.

`pbtxt.py` renders config.pbtxt from these tables, `triton/stage_calls.py` checks every stage call against them and
the export names graph inputs and outputs after them.

Axis letters: ``B`` batch, ``P`` phones, ``T`` semantic tokens, ``F`` frames (50/s), ``N`` samples,
``C`` characters, ``E`` sentences explained, ``K`` sentences, ``M`` messages, ``R`` Chinese runs, ``V`` voices.
Sizes that a checkpoint decides are named: ``ssl_dim`` (768 officially), ``bert_dim`` (1024), ``latent_dim`` (192),
``global_dim`` (512 or 1024).
A leading ``B`` marks a batchable model: Triton adds that axis, config.pbtxt leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SAMPLE_RATE_HZ = 32_000
SSL_SAMPLE_RATE_HZ = 16_000
SAMPLES_PER_FRAME = 640
FRAMES_PER_TOKEN = 2
SAMPLES_PER_TOKEN = SAMPLES_PER_FRAME * FRAMES_PER_TOKEN
TOKENS_PER_SECOND = SAMPLE_RATE_HZ // SAMPLES_PER_TOKEN
SPECTROGRAM_BINS = 1025
SPEAKER_EMBEDDING_DIM = 20_480
FBANK_BINS = 80
MAX_TEXT_CHARACTERS = 5_000

# What Triton's sequence batcher adds to every call of a sequence model.
SEQUENCE_START, SEQUENCE_END, SEQUENCE_ID = "START", "END", "CORRID"

Axis = str | int


@dataclass(frozen=True)
class Tensor:
    """One tensor of a model: `dtype` is Triton's name without ``TYPE_``."""

    name: str
    dtype: str
    axes: tuple[Axis, ...]
    doc: str
    optional: bool = False
    binary: bool = False  # a STRING that carries bytes, not UTF-8 text


@dataclass(frozen=True)
class Model:
    """One model of the repository, as its callers see it."""

    name: str
    doc: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    decoupled: bool = False
    sequence: bool = False  # a leading axis of 1 on the wire, which tensors.py adds and takes off
    graph: bool = field(default=False)  # exported to one ONNX graph, run as it is

    @property
    def batchable(self) -> bool:
        """Whether Triton may stack requests along a leading axis."""
        return bool(self.inputs) and self.inputs[0].axes[:1] == ("B",)


_SAMPLING = (
    Tensor("top_k", "INT32", (1,), "candidates kept, 1 to 1025; 1 is greedy; default 15", optional=True),
    Tensor("top_p", "FP32", (1,), "probability mass kept, above 0 to 1; default 1", optional=True),
    Tensor("temperature", "FP32", (1,), "above 0 to 5; default 1", optional=True),
    Tensor("repetition_penalty", "FP32", (1,), "0.5 to 5; 1 is none; default 1.35", optional=True),
    Tensor("seed", "INT64", (1,), "0 or more; the same seed gives the same audio; default random", optional=True),
)

_REFERENCE = (
    Tensor(
        "reference_audio",
        "STRING",
        (1,),
        "a WAV, FLAC, OGG or MP3 file, or its base64; 3 to 10 s",
        optional=True,
        binary=True,
    ),
    Tensor("prompt_text", "STRING", (1,), "what is said in reference_audio", optional=True),
    Tensor("prompt_language", "STRING", (1,), "language of prompt_text; default auto", optional=True),
    Tensor("trim_reference", "BOOL", (1,), "cut a longer reference at a silence; default false", optional=True),
)

TTS = Model(
    "tts",
    "text and a voice in, audio chunks out",
    inputs=(
        Tensor("text", "STRING", (1,), f"what to say, UTF-8, at most {MAX_TEXT_CHARACTERS:,} characters"),
        Tensor(
            "language",
            "STRING",
            (1,),
            "auto, zh, en, ja, ko, yue, auto_yue, all_zh, all_ja, all_ko or all_yue; default auto",
            optional=True,
        ),
        Tensor("voice", "STRING", (1,), "id of a registered voice; or give reference_audio", optional=True),
        *_REFERENCE,
        Tensor("speed", "FP32", (1,), "0.5 to 2; default 1", optional=True),
        *_SAMPLING,
        Tensor("noise_scale", "FP32", (1,), "0 to 2; default 0.5", optional=True),
        Tensor("pause_s", "FP32", (1,), "silence after each sentence but the last, 0 to 5; default 0.3", optional=True),
        Tensor("split_method", "STRING", (1,), "cut0 to cut5; default cut5", optional=True),
        Tensor("lexicon", "STRING", (1,), "own pronunciations, a line each: word, space, phones", optional=True),
        Tensor("encoding", "STRING", (1,), "float32 (default) or pcm16_base64, for HTTP", optional=True),
        Tensor(
            "streaming", "STRING", (1,), "a response per chunk (default), sentence, or off: one in all", optional=True
        ),
        Tensor("priority", "STRING", (1,), "interactive (default) or batch, which yields to it", optional=True),
        Tensor(
            "deadline_s", "FP32", (1,), "give up so long after arrival, above 0 to 3600; default 3600", optional=True
        ),
        Tensor(
            "cache",
            "STRING",
            (1,),
            "what may be reused: audio (any take, without a seed), tokens, features or off; "
            "default audio with a seed, features without",
            optional=True,
        ),
    ),
    outputs=(
        Tensor("waveform", "FP32", ("N",), "samples in [-1, 1]; empty when encoding is pcm16_base64"),
        Tensor("audio_base64", "STRING", (1,), "little-endian PCM16, base64; empty when encoding is float32"),
        Tensor("sample_rate_hz", "INT32", (1,), "32000"),
        Tensor("chunk_index", "INT32", (1,), "0, 1, 2 ... within the response stream"),
        Tensor("sentence_index", "INT32", (1,), "which sentence of the text this chunk belongs to"),
        Tensor("sentence", "STRING", (1,), "that sentence, as it was normalised"),
        Tensor("timing_ms", "STRING", (1,), "JSON: stage name to milliseconds spent on this chunk"),
        Tensor("finish_reason", "STRING", (1,), "why its sentence ended here: eos, limit or repetition; else empty"),
        Tensor("final", "BOOL", (1,), "whether this is the last chunk of the text"),
        Tensor(
            "source", "STRING", (1,), "who had its audio: computed, joined, memory, redis or disk; several by commas"
        ),
    ),
    decoupled=True,
)

VOICES = Model(
    "voices",
    "register, list and delete voices",
    inputs=(
        Tensor("action", "STRING", (1,), "register, list or delete"),
        Tensor("voice", "STRING", (1,), "id: 1 to 64 of a-z A-Z 0-9 _ -", optional=True),
        *_REFERENCE,
    ),
    outputs=(
        Tensor("voices", "STRING", ("V",), "JSON objects: voice, prompt_text, prompt_language, seconds, created"),
    ),
)

TEXT_FRONTEND = Model(
    "text_frontend",
    "text to sentences to phones; all sentences flattened, with their counts",
    inputs=(
        Tensor("text", "STRING", (1,), "UTF-8"),
        Tensor("language", "STRING", (1,), "auto, zh, en, ja, ko, yue, auto_yue, all_zh, all_ja, all_ko or all_yue"),
        Tensor("split_method", "STRING", (1,), "cut0 to cut5, or none for a prompt"),
        Tensor("lexicon", "STRING", (1,), "own pronunciations, a line each: word, space, phones", optional=True),
        Tensor("explain", "BOOL", (1,), "whether to fill origins; default false", optional=True),
    ),
    outputs=(
        Tensor("sentences", "STRING", ("K",), "normalised text of each sentence"),
        Tensor("phones", "INT64", ("P",), "phone ids of all sentences"),
        Tensor("phone_counts", "INT64", ("K",), "phones of each sentence"),
        Tensor("bert_token_ids", "INT64", ("C",), "character ids of all Chinese runs, without CLS and SEP"),
        Tensor("word_to_phone", "INT64", ("C",), "phones that each of those characters stands for"),
        Tensor("run_characters", "INT64", ("R",), "characters of each Chinese run"),
        Tensor("run_phone_starts", "INT64", ("R",), "index into phones where each run begins"),
        Tensor("pause_after_s", "FP32", ("K",), "silence after each sentence; negative: the request's"),
        Tensor("rates", "FP32", ("K",), "speed of each sentence beside the request's"),
        Tensor("origins", "STRING", ("E",), "JSON of each sentence: runs, languages, units, phones; none by default"),
        Tensor("missing", "STRING", ("M",), "optional resources that are not there, a sentence each, for gsv doctor"),
    ),
)

BERT = Model(
    "bert",
    "characters to contextual features (Chinese)",
    inputs=(
        Tensor("bert_token_ids", "INT64", ("B", "C"), "vocabulary ids with CLS first and SEP last; padding is 0"),
        Tensor("character_lengths", "INT64", ("B", 1), "ids of each row, CLS and SEP counted"),
    ),
    outputs=(Tensor("character_features", "FP32", ("B", "C", "bert_dim"), "features, CLS and SEP rows included"),),
    graph=True,
)

HUBERT = Model(
    "hubert",
    "16 kHz audio to SSL features",
    inputs=(Tensor("audio_16k", "FP32", (1, "N"), "samples in [-1, 1], 0.6 s of zeros appended by the caller"),),
    outputs=(Tensor("ssl_features", "FP32", (1, "ssl_dim", "F"), "50 frames a second"),),
    graph=True,
)

SPEECH_TOKENIZER = Model(
    "speech_tokenizer",
    "SSL features to prompt semantic tokens",
    inputs=(Tensor("ssl_features", "FP32", (1, "ssl_dim", "F"), "50 frames a second"),),
    outputs=(Tensor("prompt_tokens", "INT64", (1, "T"), "25 a second, 0 to 1023"),),
    graph=True,
)

SPEAKER_ENCODER = Model(
    "speaker_encoder",
    "reference fbank to speaker embedding (v2Pro, v2ProPlus)",
    inputs=(Tensor("fbank", "FP32", (1, "F", FBANK_BINS), "Kaldi log-mel, 100 frames a second"),),
    outputs=(Tensor("speaker_embedding", "FP32", (1, SPEAKER_EMBEDDING_DIM), "mean over time"),),
    graph=True,
)

REFERENCE_ENCODER = Model(
    "reference_encoder",
    "reference spectrogram (and speaker embedding) to global condition",
    inputs=(
        Tensor("linear_spectrogram", "FP32", (1, SPECTROGRAM_BINS, "F"), "magnitude, hop 640 at 32 kHz"),
        Tensor("speaker_embedding", "FP32", (1, SPEAKER_EMBEDDING_DIM), "v2Pro and v2ProPlus only", optional=True),
    ),
    outputs=(Tensor("global_condition", "FP32", (1, "global_dim"), "timbre of the reference"),),
    graph=True,
)

T2S = Model(
    "t2s",
    "phones to semantic tokens: a sequence of calls, each returning the next tokens",
    inputs=(
        Tensor("max_new_tokens", "INT32", (1,), "tokens wanted from this call"),
        Tensor("phones", "INT64", ("P",), "prompt phones, then target phones; first call only", optional=True),
        Tensor("bert_features", "FP32", ("bert_dim", "P"), "of those phones; first call only", optional=True),
        Tensor(
            "num_target_phones", "INT32", (1,), "of those, the last, to be spoken; bounds a run-away", optional=True
        ),
        Tensor("prompt_tokens", "INT64", ("T",), "may be empty; first call only", optional=True),
        *_SAMPLING,
    ),
    outputs=(
        Tensor("semantic_tokens", "INT64", ("T",), "the next tokens, EOS left out"),
        Tensor("finish_reason", "STRING", (1,), "empty while more may come; else eos, limit or repetition"),
    ),
    sequence=True,
)

ACOUSTIC = Model(
    "acoustic",
    "semantic tokens, phones, global condition and noise to latent frames",
    inputs=(
        Tensor("semantic_tokens", "INT64", ("B", "T"), "padding is 0"),
        Tensor("token_lengths", "INT64", ("B", 1), "tokens of each row"),
        Tensor("phones", "INT64", ("B", "P"), "target phones only; padding is 0"),
        Tensor("phone_lengths", "INT64", ("B", 1), "phones of each row"),
        Tensor("global_condition", "FP32", ("B", "global_dim"), "timbre"),
        Tensor("noise", "FP32", ("B", "latent_dim", "F"), "standard normal times noise_scale"),
        Tensor("frame_positions", "FP32", ("B", "F"), "places of the frames wanted among the tokens', 2 per token"),
        Tensor("frame_lengths", "INT64", ("B", 1), "frames wanted of each row"),
    ),
    outputs=(Tensor("latents", "FP32", ("B", "latent_dim", "F"), "zero beyond frame_lengths"),),
    graph=True,
)

VOCODER = Model(
    "vocoder",
    "latent frames and global condition to waveform",
    inputs=(
        Tensor("latents", "FP32", ("B", "latent_dim", "F"), "50 frames a second"),
        Tensor("frame_lengths", "INT64", ("B", 1), "frames of each row"),
        Tensor("global_condition", "FP32", ("B", "global_dim"), "timbre"),
    ),
    outputs=(Tensor("waveform", "FP32", ("B", "N"), "640 samples a frame, zero beyond frame_lengths"),),
    graph=True,
)

MODELS = (
    TTS,
    VOICES,
    TEXT_FRONTEND,
    BERT,
    HUBERT,
    SPEECH_TOKENIZER,
    SPEAKER_ENCODER,
    REFERENCE_ENCODER,
    T2S,
    ACOUSTIC,
    VOCODER,
)
