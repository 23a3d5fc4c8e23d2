"""The configurations that official s1 and s2 files carry, written from our sizes.

Source: upstream's configs/s1longer-v2.yaml and configs/s2.json at 48b1a01
Fields that only training reads are left out.
"""

from __future__ import annotations

from typing import Any

from gsv_build.sizes import SovitsSizes, T2SSizes
from gsv_runtime.contract import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

_FFT_SAMPLES = 2048
_SPEAKERS = 300  # stored by every official file, used by none
_MAX_SECONDS = 54


def t2s_config(sizes: T2SSizes) -> dict[str, Any]:
    """``config`` of an s1 file."""
    return {
        "model": {
            "vocab_size": sizes.vocabulary,
            "phoneme_vocab_size": sizes.num_phones,
            "embedding_dim": sizes.hidden,
            "hidden_dim": sizes.hidden,
            "head": sizes.heads,
            "linear_units": sizes.feed_forward,
            "n_layer": sizes.layers,
            "dropout": 0,
            "EOS": sizes.vocabulary - 1,
            "random_bert": 0,
        },
        "data": {"max_sec": _MAX_SECONDS, "num_workers": 1, "pad_val": sizes.vocabulary - 1},
        "inference": {"top_k": 15},
    }


def sovits_config(sizes: SovitsSizes) -> dict[str, Any]:
    """``config`` of an s2 file."""
    pro = sizes.version.uses_speaker_embedding
    return {
        "train": {"segment_size": SAMPLES_PER_FRAME * 32},
        "data": {
            "sampling_rate": SAMPLE_RATE_HZ,
            "filter_length": _FFT_SAMPLES,
            "hop_length": SAMPLES_PER_FRAME,
            "win_length": _FFT_SAMPLES,
            "n_mel_channels": 128,
            "mel_fmin": 0.0,
            "mel_fmax": None,
            "add_blank": True,
            "n_speakers": _SPEAKERS,
        },
        "model": {
            "inter_channels": sizes.latent,
            "hidden_channels": sizes.latent,
            "filter_channels": sizes.filter,
            "n_heads": sizes.heads,
            "n_layers": sizes.layers,
            "kernel_size": sizes.kernel,
            "p_dropout": 0.0 if pro else 0.1,
            "resblock": "1",
            "resblock_kernel_sizes": list(sizes.resblock_kernels),
            "resblock_dilation_sizes": [list(row) for row in sizes.resblock_dilations],
            "upsample_rates": list(sizes.upsample_rates),
            "upsample_initial_channel": sizes.upsample_channels,
            "upsample_kernel_sizes": list(sizes.upsample_kernels),
            "n_layers_q": 3,
            "use_spectral_norm": False,
            "gin_channels": sizes.global_dim,
            "semantic_frame_rate": "25hz",
            "freeze_quantizer": True,
            "version": sizes.version.value,
        },
    }
