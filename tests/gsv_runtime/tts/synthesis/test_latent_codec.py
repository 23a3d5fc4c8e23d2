"""The codec of latents loses less the more bits it has."""

import numpy as np
import pytest

from gsv_runtime.tts.synthesis.latent_codec import MOST_STAGES, LatentCodec, _stacked

from ....small_repositories import random_codec

RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def codec():
    return random_codec(8, "w")


def error(codec, latents, stages):
    return np.square(codec.decode(codec.encode(latents, stages)) - latents).mean()


def test_a_frame_is_a_byte_a_table_and_every_table_adds_to_the_rate(codec):
    codes = codec.encode(RNG.standard_normal((8, 50)).astype(np.float32), codec.stages_for(8))
    assert (codes.shape, codes.dtype) == ((50, 20), np.uint8)
    assert 8 * codes.nbytes == 8_000  # bits of a second
    assert [codec.stages_for(rate) for rate in (0.1, 4, 6, 12, 99)] == [1, 10, 15, 30, MOST_STAGES]


def test_more_bits_lose_less(codec):
    latents = RNG.standard_normal((8, 400)).astype(np.float32)
    errors = [error(codec, latents, stages) for stages in (2, 10, 20, 30)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1 * errors[0]


def test_what_is_an_entry_is_found_again(codec):
    codes = RNG.integers(0, 256, (20, 1)).astype(np.uint8)
    assert np.array_equal(codec.encode(codec.decode(codes), 1), codes)


def test_each_frame_is_written_by_itself(codec):
    latents = RNG.standard_normal((8, 9)).astype(np.float32)
    alone = np.concatenate([codec.encode(latents[:, place : place + 1], 10) for place in range(9)])
    assert np.array_equal(alone, codec.encode(latents, 10))


@pytest.mark.parametrize("frames", [1, 32, 33, 70, 206])
def test_blocks_of_a_product_hold_hardly_more_than_the_frames(frames):
    blocks = _stacked(np.ones((frames, 4), np.float32), 1 << 13)  # of which 32 frames are left to one thread
    assert blocks.shape[1] <= 32
    assert 0 <= blocks.shape[0] * blocks.shape[1] - frames < blocks.shape[0]
    assert blocks.sum() == 4 * frames


def test_no_frame_gives_no_code_and_no_code_no_frame(codec):
    codes = codec.encode(np.zeros((8, 0), np.float32), 5)
    assert codes.shape == (0, 5)
    assert codec.decode(codes).shape == (8, 0)


@pytest.mark.parametrize("broken", [{"mean": np.zeros(7)}, {"tables": np.zeros((3, 255, 8))}, {"leave": None}])
def test_arrays_that_do_not_belong_together_are_refused(codec, broken):
    arrays = {name: getattr(codec, name) for name in LatentCodec.ARRAYS} | {"weights_digest": "w"} | broken
    with pytest.raises(ValueError, match="make codec"):
        LatentCodec.of({name: array for name, array in arrays.items() if array is not None}, "d")
