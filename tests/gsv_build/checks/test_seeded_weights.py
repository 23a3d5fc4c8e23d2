"""Claims about the weights that parity tests draw on both sides."""

import numpy as np

from gsv_build.checks.seeded_weights import seeded_tensor

LAYER_0, LAYER_1 = "h.layers.0.linear1.weight", "h.layers.1.linear1.weight"
GOLDEN = (-0.68994140625, 0.91259765625, -0.4267578125)


def test_the_same_key_and_seed_give_the_same_tensor_and_others_another():
    first = seeded_tensor(LAYER_0, (8, 4), seed=3)
    np.testing.assert_array_equal(first, seeded_tensor(LAYER_0, (8, 4), seed=3))
    assert not np.array_equal(first, seeded_tensor(LAYER_1, (8, 4), seed=3))
    assert not np.array_equal(first, seeded_tensor(LAYER_0, (8, 4), seed=4))


def test_values_are_those_of_the_day_the_parity_data_was_made():
    drawn = seeded_tensor("ssl_proj.weight", (2, 3, 1))
    np.testing.assert_array_equal(drawn.ravel()[:3], np.array(GOLDEN, np.float32))


def test_lightning_prefix_makes_no_difference():
    np.testing.assert_array_equal(seeded_tensor(LAYER_0, (4, 4)), seeded_tensor("model." + LAYER_0, (4, 4)))


def test_a_half_precision_file_holds_the_weights_without_loss():
    drawn = seeded_tensor(LAYER_0, (64, 64))
    np.testing.assert_array_equal(drawn, drawn.astype(np.float16).astype(np.float32))


def test_a_matrix_keeps_the_variance_of_its_input():
    weight = seeded_tensor(LAYER_0, (256, 512))
    assert abs(weight.std() * np.sqrt(512) - 1) < 0.02


def test_scales_that_must_stay_positive_do():
    assert seeded_tensor("dec.ups.0.weight_g", (4096, 1, 1)).min() >= 0.5
    assert seeded_tensor("bn1.running_var", (4096,)).min() >= 0.5


def test_codebook_and_its_running_mean_agree():
    stem = "quantizer.vq.layers.0._codebook."
    np.testing.assert_array_equal(seeded_tensor(stem + "embed", (8, 4)), seeded_tensor(stem + "embed_avg", (8, 4)))
