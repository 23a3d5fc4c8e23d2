"""How loud a model speaks with a voice, and the gain that brings its speech to a wanted loudness.

The model's level hardly depends on the recording's, so a voice is measured once and its speech gets one gain: a chunk
sounds the same whoever has heard what before it. Loudness is ITU-R BS.1770's, in LUFS, by the library pyloudnorm.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from gsv_runtime.contract import FRAMES_PER_TOKEN, SAMPLE_RATE_HZ
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Array
from gsv_runtime.tts.synthesis.decoding import decode_tokens, standard_noise
from gsv_runtime.voices.store import Voice

_NOISE_SCALE, _SEED = 0.5, 0
_TOKENS, _NUM_TOKENS, _NUM_PHONES = 1024, 120, 40  # of a voice without transcript; what is said then means nothing
_LARGEST_GAIN = 10.0  # 20 dB
_KNEE = 0.8  # above it peaks are rounded off


def own_loudness(voice: Voice, facts: CheckpointFacts, stages: Stages) -> float:
    """Measure how loud the model speaks with a voice.

    Args:
        voice: whose own prompt is spoken again, from its tokens; without one, tokens at random, to within 3 dB.
        facts: of the checkpoint.
        stages: the acoustic model and the vocoder.

    Returns:
        LUFS.
    """
    tokens, phones = voice.prompt_tokens, voice.prompt_phones
    if not tokens.size:
        drawn = np.random.Generator(np.random.Philox(_SEED))
        tokens, phones = drawn.integers(0, _TOKENS, _NUM_TOKENS), np.arange(1, _NUM_PHONES + 1)
    noise = _NOISE_SCALE * standard_noise(_SEED, facts.latent_dim, FRAMES_PER_TOKEN * tokens.size)
    return loudness(decode_tokens(tokens, phones, noise, voice.global_condition, stages))


def loudness(samples: Array) -> float:
    """Integrated loudness.

    Args:
        samples: [N] float32 at 32 kHz; what is shorter than 0.4 s is measured with silence after it.

    Returns:
        LUFS; minus infinity for silence.
    """
    import pyloudnorm  # with SciPy, which nobody waits for who asks for no loudness

    shortest = math.ceil(0.4 * SAMPLE_RATE_HZ)
    padded = np.pad(samples, (0, max(0, shortest - samples.size)))
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore")  # silence has no logarithm
        return float(pyloudnorm.Meter(SAMPLE_RATE_HZ).integrated_loudness(padded))


def gain_to(target_lufs: float, own_lufs: float) -> float:
    """What samples are multiplied by; at most 20 dB, and 1 where the speech is silent or shall stay as it is."""
    if target_lufs == 0 or not math.isfinite(own_lufs):
        return 1.0
    return float(min(10 ** ((target_lufs - own_lufs) / 20), _LARGEST_GAIN))


def amplified(samples: Array, gain: float) -> Array:
    """Multiply samples; peaks above 0.8 are rounded off instead of clipped, each sample by itself.

    Args:
        samples: [N] float32 in [-1, 1].
        gain: 1 leaves them as they are.

    Returns:
        [N] float32 in [-1, 1].
    """
    if gain == 1.0:
        return samples
    scaled = samples * np.float32(gain)
    room = 1 - _KNEE
    over = np.abs(scaled) - _KNEE
    rounded = np.sign(scaled) * (_KNEE + room * np.tanh(over / room))
    return np.where(over > 0, rounded, scaled).astype(np.float32)
