import dataclasses

import numpy as np
import pytest

from gsv_runtime.errors import InternalError
from gsv_runtime.text.sentences import BERT_ROWS, ChineseRun, FeaturesInGroups, Sentence, bert_features, unflatten

ANSWER = {
    "sentences": np.array(["一 a 二三", "b", "四"], dtype=np.object_),
    "phones": np.arange(10),
    "phone_counts": np.array([7, 1, 2]),
    "bert_token_ids": np.array([201, 202, 203, 204]),
    "word_to_phone": np.array([2, 2, 1, 2]),
    "run_characters": np.array([1, 2, 1]),
    "run_phone_starts": np.array([0, 4, 8]),
}


def test_runs_find_their_sentence_and_their_place_in_it():
    first, second, third = unflatten(ANSWER)
    assert [run.phone_start for run in first.runs] == [0, 4]
    assert first.runs[1].token_ids.tolist() == [202, 203]
    assert second.runs == ()
    assert (third.phones.tolist(), third.runs[0].phone_start) == ([8, 9], 0)


def test_counts_that_do_not_add_up_are_a_defect():
    with pytest.raises(InternalError, match="do not add up"):
        unflatten({**ANSWER, "phone_counts": np.array([7, 1, 3])})


def test_a_characters_feature_is_repeated_over_its_phones_and_the_rest_is_zero(make_stages, facts):
    stages = make_stages()
    (features,) = bert_features(unflatten(ANSWER)[:1], stages, facts)
    assert features[0].tolist() == [201, 201, 0, 0, 202, 202, 203]
    assert np.array_equal(features[1], -features[0])


def test_all_runs_of_a_sentence_are_one_padded_batch_with_cls_and_sep(make_stages, facts):
    stages = make_stages()
    bert_features(unflatten(ANSWER)[:1], stages, facts)
    (inputs,) = stages.inputs_of("bert")
    assert inputs["bert_token_ids"].tolist() == [[101, 201, 102, 0], [101, 202, 203, 102]]
    assert inputs["character_lengths"].tolist() == [[3], [4]]


@pytest.mark.parametrize("has_bert", [True, False])
def test_bert_is_not_called_without_chinese_or_without_a_bert(has_bert, make_stages, facts):
    run = ChineseRun(0, np.array([5]), np.array([2]))
    sentence = Sentence("x", np.arange(2), () if has_bert else (run,))
    stages = make_stages()
    (features,) = bert_features([sentence], stages, dataclasses.replace(facts, has_bert=has_bert))
    assert not stages.calls
    assert (features.shape, features.any()) == ((2, 2), False)


def chinese(*token_ids):
    """A sentence of Chinese runs of one character each, two phones a character."""
    runs = tuple(ChineseRun(2 * at, np.array([token]), np.array([2])) for at, token in enumerate(token_ids))
    return Sentence("x", np.arange(2 * len(runs)), runs)


def rows_called(stages):
    return [len(inputs["bert_token_ids"]) for inputs in stages.inputs_of("bert")]


def test_the_first_sentence_is_read_alone_and_those_behind_it_together(make_stages, facts):
    stages = make_stages()
    sentences = [chinese(1), chinese(2), chinese(3, 4), chinese(5), chinese(6)]
    features = FeaturesInGroups(sentences, stages, facts)
    assert features.of(0)[0].tolist() == [1, 1]
    assert rows_called(stages) == [1]
    assert [features.of(index)[0].tolist() for index in range(1, 5)] == [[2, 2], [3, 3, 4, 4], [5, 5], [6, 6]]
    assert rows_called(stages) == [1, BERT_ROWS, 1]


def test_a_sentence_is_read_in_the_same_group_whichever_are_asked_for(make_stages, facts):
    stages = make_stages()
    features = FeaturesInGroups([chinese(1), chinese(2), chinese(3, 4), chinese(5)], stages, facts)
    assert features.of(2)[0].tolist() == [3, 3, 4, 4]
    assert [inputs["bert_token_ids"][:, 1].tolist() for inputs in stages.inputs_of("bert")] == [[2, 3, 4, 5]]


def test_a_sentence_of_many_runs_is_read_in_batches_that_the_model_takes(make_stages, facts):
    stages = make_stages()
    (features,) = bert_features([chinese(*range(1, 8))], stages, facts)
    assert features[0, ::2].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert rows_called(stages) == [BERT_ROWS, 3]


def test_features_read_together_are_those_read_alone(make_stages, facts):
    sentences = unflatten(ANSWER)
    features = FeaturesInGroups(sentences, make_stages(), facts)
    together = [features.of(index) for index in range(len(sentences))]
    alone = [bert_features([sentence], make_stages(), facts)[0] for sentence in sentences]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))
