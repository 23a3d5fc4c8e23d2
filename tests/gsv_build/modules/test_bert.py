"""BERT against transformers' BertForMaskedLM."""

import pytest
import torch

from gsv_build.checkpoints import keys_bert

# float32 on both sides; what remains is the order of additions.
TOLERANCE = 1e-5


@pytest.fixture
def reference(golden):
    weights, inputs, output, config = golden("bert")
    module = keys_bert.to_module(weights, keys_bert.bert_sizes(config))
    return module, inputs["bert_token_ids"], output, config


@torch.no_grad()
def test_equals_the_third_hidden_state_from_the_last(reference):
    module, ids, expected, config = reference
    assert len(module.layers) == config["num_hidden_layers"] - 2
    found = module(ids, torch.tensor([[ids.shape[1]]]))
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_a_padded_row_gives_what_it_gives_alone(reference):
    module, ids, expected, _ = reference
    characters = ids.shape[1]
    rows = torch.cat((torch.nn.functional.pad(ids, (0, 6), value=3), torch.full((1, characters + 6), 5)))
    together = module(rows, torch.tensor([[characters], [characters + 6]]))
    torch.testing.assert_close(together[:1, :characters], expected, atol=TOLERANCE, rtol=0)
