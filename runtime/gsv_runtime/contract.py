"""Every model's tensors: name, dtype, axes, unit. The one place.

`pbtxt.py` renders config.pbtxt from these tables, `triton/stage_calls.py` checks every stage call against them and
the export names graph inputs and outputs after them.

Axis letters: ``A`` auxiliary recordings, ``B`` batch, ``P`` phones, ``T`` semantic tokens, ``F`` frames (50/s),
``G`` numbers of a voice, ``N`` samples, ``C`` characters, ``D`` pieces not said, ``E`` sentences explained,
``K`` sentences, ``L`` fine-tunes, ``M`` messages, ``Q`` stages of the codec of latents, ``R`` Chinese runs,
``V`` voices, ``W`` words.
Sizes of a checkpoint: ``ssl_dim`` (officially 768), ``bert_dim`` (1024), ``latent_dim`` (192), ``global_dim`` (512).
A leading ``B`` marks a batchable model: Triton adds that axis, config.pbtxt leaves it out.
"""

from __future__ import annotations

from gsv_runtime.language_modes import AUTO, MODES
from gsv_runtime.tensor_types import DROP_INPUT, WEIGHTS_INPUT, Axis, Choice, Model, Range, Tensor

# The form of the tables is written down elsewhere and taken from here.
__all__ = ["DROP_INPUT", "WEIGHTS_INPUT", "Axis", "Choice", "Model", "Range", "Tensor"]

SAMPLE_RATE_HZ, SSL_SAMPLE_RATE_HZ = 32_000, 16_000
SAMPLES_PER_FRAME, FRAMES_PER_TOKEN = 640, 2
SAMPLES_PER_TOKEN = SAMPLES_PER_FRAME * FRAMES_PER_TOKEN
TOKENS_PER_SECOND = SAMPLE_RATE_HZ // SAMPLES_PER_TOKEN
SPECTROGRAM_BINS, FBANK_BINS, SPEAKER_EMBEDDING_DIM = 1025, 80, 20_480
OPENING_TOKENS = 64  # of a request, the most that are asked for at once and that go before those of others
MAX_TEXT_CHARACTERS, VOICES_PER_LIST, MAX_AUX_REFERENCES = 5_000, 1_000, 10

# Words that travel: on the wire, in metrics and in the cache.
SPLIT_METHODS = ("cut0", "cut1", "cut2", "cut3", "cut4", "cut5")
ENCODINGS = FLOAT32, PCM16_BASE64 = ("float32", "pcm16_base64")
ANSWERS = AS_AUDIO, AS_TOKENS, AS_LATENTS = ("audio", "tokens", "latents")
STREAMING = BY_CHUNK, BY_SENTENCE, NOT_STREAMED = ("chunk", "sentence", "off")
PRIORITIES = INTERACTIVE, BATCH = ("interactive", "batch")
ACTIONS = REGISTER, LIST, DELETE = ("register", "list", "delete")
FINISH_REASONS = EOS, LIMIT, REPETITION, SUSPECT = ("eos", "limit", "repetition", "suspect")
REFUSAL_REASONS = TOO_MANY_STREAMS, TOO_LATE, PAST_DEADLINE, TOO_SLOW = ("streams", "start", "deadline", "rate")
TIMESTAMPS = NO_TIMES, WORD_TIMES, PHONE_TIMES = ("off", "word", "phone")
WORD_FAULTS = SWALLOWED, REPEATED = ("swallowed", "repeated")
REUSE_LEVELS = OFF, FEATURES, TOKENS, AUDIO = ("off", "features", "tokens", "audio")  # each allows those before it
CACHE_LEVELS = MEMORY, REDIS, DISK = ("memory", "redis", "disk")
ENTRY_KINDS, WHOLE_ANSWER = ("features", "voice", "tokens", "audio"), "answer"  # the last is in memory only
SOURCES = COMPUTED, JOINED = ("computed", "joined")  # of audio, beside the levels of the cache
MODEL_ACTIONS = LIST_MODELS, LOAD, UNLOAD, PIN, UNPIN = ("list", "load", "unload", "pin", "unpin")
LEASE, RELEASE = "lease", "release"  # of `tts` and `voices`: a model that is leased stays loaded

S1, S2 = "s1", "s2"  # which checkpoint of a fine-tune a stage's weights come from

# What Triton's sequence batcher adds to every call of a sequence model.
SEQUENCE_START, SEQUENCE_END, SEQUENCE_ID = "START", "END", "CORRID"

SPEED, LATENT_KBIT_S = Range(0.5, 2, 1), Range(0, 12, 8)


def _number(name: str, dtype: str, doc: str, allowed: Range) -> Tensor:
    """An optional number of a request."""
    return Tensor(name, dtype, (1,), f"{doc}, {allowed}; default {allowed.default:g}", optional=True, allowed=allowed)


def _choice(name: str, doc: str, values: tuple[str, ...], default: str) -> Tensor:
    """An optional word of a request."""
    doc = f"{doc}: {', '.join(values)}" + (f"; default {default}" if default else "")
    return Tensor(name, "STRING", (1,), doc, optional=True, allowed=Choice(values, default))


def _recordings(name: str, axis: Axis, doc: str) -> Tensor:
    return Tensor(name, "STRING", (axis,), doc, optional=True, binary=True)


_CLIP = "a WAV, FLAC, OGG or MP3 file (M4A, WebM, AMR: by PyAV), or its base64; 3 to 10 s of speech"
_AUX = f"up to {MAX_AUX_REFERENCES} further clips of 1 to 30 s; the timbre is the mean of all, the first included"
_TOKENS_FINISH = ", ".join((EOS, LIMIT, REPETITION))
_FINISH, _SOURCES = ", ".join(FINISH_REASONS), ", ".join((*SOURCES, *CACHE_LEVELS))

_SAMPLING = (
    _number("top_k", "INT32", "candidates kept, 1 is greedy and 1025 all", Range(1, 100_000, 15)),
    _number("top_p", "FP32", "probability mass kept, 0 is greedy", Range(0, 1, 1)),
    _number("temperature", "FP32", "how bold the draw is, 0 is greedy", Range(0, 5, 1)),
    _number("repetition_penalty", "FP32", "how much rarer tokens already drawn are, 1 is none", Range(0.5, 5, 1.35)),
    Tensor("seed", "INT64", (1,), "0 or more; the same seed gives the same audio; default random", optional=True),
)

LOUDNESS = Range(-40, 0, 0)  # LUFS; 0, which no speech has: as the model speaks


def _loudness(default: str) -> Tensor:
    doc = f"LUFS that speech is brought to, such as -16, {LOUDNESS}; 0: as the model speaks; default {default}"
    return Tensor("loudness", "FP32", (1,), doc, optional=True, allowed=LOUDNESS)


_REFERENCE = (
    _recordings("reference_audio", 1, _CLIP),
    Tensor("prompt_text", "STRING", (1,), "what is said in reference_audio", optional=True),
    _choice("prompt_language", "language of prompt_text, as language is named", tuple(MODES), AUTO),
    Tensor("trim_reference", "BOOL", (1,), "cut a longer reference at a silence; default false", optional=True),
    _recordings("aux_reference_audio", "A", _AUX),
)

TTS = Model(
    "tts",
    "text and a voice in, audio chunks out",
    inputs=(
        Tensor("text", "STRING", (1,), f"what to say, UTF-8, at most {MAX_TEXT_CHARACTERS:,} characters"),
        _choice("language", "how text is read, in any case or as a tag such as en-US", tuple(MODES), AUTO),
        Tensor("voice", "STRING", (1,), "id of a registered voice; or give reference_audio", optional=True),
        Tensor("model", "STRING", (1,), "which fine-tune speaks; default the voice's, else the first", optional=True),
        *_REFERENCE,
        _number("speed", "FP32", "how fast, 1 is as the model speaks", SPEED),
        *_SAMPLING,
        _number("noise_scale", "FP32", "how much each take differs", Range(0, 2, 0.5)),
        _number("pause_s", "FP32", "silence after each sentence but the last", Range(0, 5, 0.3)),
        _number("final_pause_s", "FP32", "silence after the last sentence", Range(0, 5, 0)),
        _choice("split_method", "how text is cut into sentences", SPLIT_METHODS, "cut5"),
        Tensor("lexicon", "STRING", (1,), "own pronunciations, a line each: word, space, phones", optional=True),
        _choice("encoding", "of the audio, base64 is for HTTP", ENCODINGS, FLOAT32),
        _choice("answer", "what comes back; of the last two a device makes the audio itself", ANSWERS, AS_AUDIO),
        Tensor("known_voice", "STRING", (1,), "of a device: the voice that it has", optional=True),
        _number("latent_kbit_s", "FP32", "answer latents: what the codec makes of them, 0 is none", LATENT_KBIT_S),
        _choice("streaming", "what a response holds, off is all in one", STREAMING, BY_CHUNK),
        _choice("priority", "batch yields to interactive", PRIORITIES, INTERACTIVE),
        _loudness("the voice's own"),
        _number("deadline_s", "FP32", "give up so long after arrival", Range(0, 3600, 3600, open_low=True)),
        _choice("timestamps", "whether to tell when each word, or each phone of it, is said", TIMESTAMPS, NO_TIMES),
        _number("retries", "INT32", "how often a sentence whose take is at fault is said again", Range(0, 5, 2)),
        _choice("cache", "what may be reused; default audio (any take) with a seed, else features", REUSE_LEVELS, ""),
    ),
    outputs=(
        Tensor("waveform", "FP32", ("N",), "samples in [-1, 1]; empty when encoding is pcm16_base64"),
        Tensor("audio_base64", "STRING", (1,), "little-endian PCM16, base64; empty when encoding is float32"),
        Tensor("sample_rate_hz", "INT32", (1,), "32000"),
        Tensor("chunk_index", "INT32", (1,), "0, 1, 2 ... within the response stream"),
        Tensor("sentence_index", "INT32", (1,), "which sentence of the text this chunk belongs to"),
        Tensor("sentence", "STRING", (1,), "that sentence, as it was normalised"),
        Tensor("timing_ms", "STRING", (1,), "JSON: stage name to milliseconds spent on this chunk"),
        Tensor("finish_reason", "STRING", (1,), f"why its sentence ended here: {_FINISH}; else empty"),
        Tensor("final", "BOOL", (1,), "whether this is the last chunk of the text"),
        Tensor("source", "STRING", (1,), f"who had its audio: {_SOURCES}; several by commas"),
        Tensor("dropped", "STRING", ("D",), "with the first chunk: what of the text is not said, as of text_frontend"),
        Tensor("words", "STRING", ("W",), "words that end in this chunk: JSON with their times; see timestamps"),
        Tensor("word_faults", "STRING", ("W",), "likewise, with a sentence's end: JSON of words swallowed or repeated"),
        Tensor("warnings", "STRING", ("M",), "with the first chunk: what may harm the voice of reference_audio"),
        Tensor("semantic_tokens", "INT32", ("T",), "answer tokens: the next of its sentence", optional=True),
        Tensor("phones", "INT32", ("P",), "answer tokens: with a sentence's first response, its phones", optional=True),
        Tensor("decoding", "STRING", (1,), "to a device, likewise: JSON of what its audio needs", optional=True),
        Tensor("global_condition", "FP32", ("G",), "to a device, once: the voice unless it is known", optional=True),
        Tensor("latents", "FP32", ("F", "latent_dim"), "answer latents: the next of its sentence", optional=True),
        Tensor("latent_codes", "UINT8", ("F", "Q"), "the same from the codec, where kbit/s are given", optional=True),
        Tensor("heard_frames", "INT32", (1,), "of them, which are heard now; the others come again", optional=True),
    ),
    decoupled=True,
)

_VOICE_FIELDS = "voice, model, prompt_text, prompt_language, seconds, created, report, loudness"
_MODEL_FIELDS = "model, first, version, s1, s2, bytes, loaded, pinned, in_use, waiting"

VOICES = Model(
    "voices",
    "register, list and delete voices",
    inputs=(
        Tensor("action", "STRING", (1,), ", ".join(ACTIONS)),
        Tensor("voice", "STRING", (1,), "id: 1 to 64 of a-z A-Z 0-9 _ -", optional=True),
        Tensor("model", "STRING", (1,), "fine-tune that it is registered for; default the first", optional=True),
        *_REFERENCE,
        _loudness("0"),
        Tensor("after", "STRING", (1,), "list: the voices whose ids come after this one", optional=True),
    ),
    outputs=(
        Tensor("voices", "STRING", ("V",), f"JSON objects: {_VOICE_FIELDS}; {VOICES_PER_LIST:,} at most, then `after`"),
        Tensor("voices_json", "STRING", (1,), "the same in one text: always a JSON list of those objects"),
        Tensor("warnings", "STRING", ("M",), "what is wrong with the server's disk or shared memory, a sentence each"),
    ),
)

FINE_TUNES = Model(
    "models",
    "the fine-tuned models: list, load, unload and pin",
    inputs=(
        Tensor("action", "STRING", (1,), ", ".join(MODEL_ACTIONS)),
        Tensor("name", "STRING", (1,), "of a fine-tune; action list takes none", optional=True),
        Tensor("lease", "INT64", (1,), "of tts and voices: id of a hold that keeps it loaded", optional=True),
    ),
    outputs=(Tensor("models", "STRING", ("L",), f"JSON objects: {_MODEL_FIELDS}"),),
)

TEXT_FRONTEND = Model(
    "text_frontend",
    "text to sentences to phones; all sentences flattened, with their counts",
    inputs=(
        Tensor("text", "STRING", (1,), "UTF-8"),
        Tensor("language", "STRING", (1,), ", ".join(MODES)),
        Tensor("split_method", "STRING", (1,), f"{', '.join(SPLIT_METHODS)}, or none for a prompt"),
        Tensor("lexicon", "STRING", (1,), "own pronunciations, a line each: word, space, phones", optional=True),
        Tensor("explain", "BOOL", (1,), "whether to fill origins; default false", optional=True),
        Tensor("spans", "BOOL", (1,), "whether to fill words; default false", optional=True),
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
        Tensor("words", "STRING", ("E",), "JSON of each sentence: its words' characters and phones; none by default"),
        Tensor("dropped", "STRING", ("D",), "what of the text is not said: JSON objects with text, reason, times"),
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
    checkpoint=S2,
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
    checkpoint=S2,
)

UNHEARD = Tensor("unheard", "BOOL", (1,), "whether the listener has heard nothing yet; default false", optional=True)

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
        UNHEARD,
    ),
    outputs=(
        Tensor("semantic_tokens", "INT64", ("T",), "the next tokens, EOS left out"),
        Tensor("finish_reason", "STRING", (1,), f"empty while more may come; else {_TOKENS_FINISH}"),
    ),
    sequence=True,
    checkpoint=S1,
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
    checkpoint=S2,
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
    checkpoint=S2,
)

MODELS = (
    TTS,
    VOICES,
    FINE_TUNES,
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
