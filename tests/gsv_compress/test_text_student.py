"""A student reads pieces and gives each character the features that its teacher gives it."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from gsv_build.export import export_graph
from gsv_build.modules.text_student import TextStudent
from gsv_build.sizes import BertSizes
from gsv_compress.text_lessons import TextLesson
from gsv_compress.text_student import batches_of, cosines, distance, pack, student_sizes, teach, train_pieces
from gsv_demo.recipe import Stage
from gsv_runtime.graphs.opening import open_stage
from gsv_runtime.graphs.text_piece_stage import TextPieces, TextPieceStage, parsed_pieces
from gsv_runtime.graphs.text_pieces import PIECE_FEATURES
from gsv_runtime.settings import ONNX_RUNTIME, OnnxStageSettings

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # tensorboard's own
SETTINGS = OnnxStageSettings(1, "cpu", "", ONNX_RUNTIME)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"今天气很好我们去公园", "[MASK]"]
SENTENCES = ("今天天气很好", "我们今天去公园", "公园很好", "我们很好", "天气好我们去公园")
SIZES = BertSizes(vocabulary=len(VOCABULARY), hidden=16, layers=3, heads=2, feed_forward=32)


@pytest.fixture(scope="module")
def pieces():
    return TextPieces(parsed_pieces(train_pieces(SENTENCES * 20, 40)), VOCABULARY)


@pytest.fixture(scope="module")
def lessons():
    """Features that depend on the character and on the one before it."""
    rng = np.random.default_rng(0)
    own, before = rng.standard_normal((2, len(VOCABULARY), SIZES.hidden)).astype(np.float32)
    found = []
    for text in SENTENCES * 4:
        ids = np.array([2, *map(VOCABULARY.index, text), 3])
        found.append(TextLesson(ids, own[ids] + 0.5 * before[np.roll(ids, 1)]))
    return found


def test_a_student_is_a_quarter_as_wide_as_roberta_large_and_fits_into_30_mb():
    sizes = student_sizes(BertSizes())
    with torch.device("meta"):
        weights = sum(each.numel() for each in TextStudent(sizes).parameters())
    assert (sizes.hidden, sizes.bert_dim) == (256, 1024)
    assert 4 * weights < 30e6


def test_pieces_hold_several_characters_and_every_character_is_one_by_itself(pieces):
    ids, places_of, places = pieces.cut(np.array([2, *map(VOCABULARY.index, "今天天气很好"), 3]))
    assert len(ids) < 2 + 6, "fewer pieces than characters"
    assert len(places_of) == len(places) == 2 + 6
    assert 0 not in ids, "nothing is unknown"
    alone, *_ = pieces.cut(np.array([2, VOCABULARY.index("公"), 3]))
    assert len(alone) == 3


def test_texts_are_cut_as_sentencepiece_cuts_them(pieces):
    cut = """
import json, sys
from gsv_compress.piece_training import trained
texts = json.load(sys.stdin)
found = trained(texts * 20, 40)
print(json.dumps([found.encode(text) for text in texts]))
"""
    done = subprocess.run(  # by itself: SentencePiece cannot stand beside OpenVINO
        [sys.executable, "-c", cut], input=json.dumps(SENTENCES), capture_output=True, text=True, check=True
    )
    ours = [pieces.cut(np.array([2, *map(VOCABULARY.index, text), 3]))[0][1:-1] for text in SENTENCES]
    assert ours == json.loads(done.stdout)


def test_where_there_is_no_text_that_is_told():
    with pytest.raises(ValueError, match="no pieces in 0 texts"):
        train_pieces([""], 40)


def test_padding_of_a_batch_changes_nothing(pieces, lessons):
    torch.manual_seed(0)
    student = TextStudent(student_sizes(SIZES, pieces.count)).eval()
    whole = pack(lessons[:3], pieces)
    inputs = {name: value for name, value in whole.items() if name != "features"}
    together = student(**inputs)
    for row, lesson in enumerate(lessons[:3]):
        own = {name: value for name, value in pack([lesson], pieces).items() if name != "features"}
        long = lesson.token_ids.size
        assert torch.allclose(together[row, :long], student(**own)[0], atol=1e-5)
        assert not together[row, long:].any()


def test_a_student_learns_its_teacher_and_goes_on_where_it_stopped(pieces, lessons, tmp_path):
    torch.manual_seed(0)
    sizes = student_sizes(SIZES, pieces.count)
    stage = Stage(steps=60, batch=4, learning_rate=1e-2, warmup=5)
    before = cosines(TextStudent(sizes), lessons, pieces).mean()
    student = teach(TextStudent(sizes), lessons, pieces, stage, tmp_path, "cpu")
    after = cosines(student, lessons, pieces)
    assert after.mean() > 0.9 > 0.5 > before
    again = teach(TextStudent(sizes), lessons, pieces, stage, tmp_path, "cpu")
    assert np.array_equal(cosines(again, lessons, pieces), after)


def test_distance_is_a_share_of_the_teachers_variance(pieces, lessons):
    student = TextStudent(student_sizes(SIZES, pieces.count))
    torch.nn.init.zeros_(student.leave.weight)
    torch.nn.init.zeros_(student.leave.bias)
    (batch,) = itertools.islice(batches_of(lessons, pieces, 4, np.random.default_rng(0)), 1)
    power = float(np.mean([np.square(lesson.features).mean() for lesson in lessons]))
    share, direction = distance(student, batch, power)
    assert share.item() == pytest.approx(1.0, rel=0.2)
    assert direction.item() == pytest.approx(1.0)


def test_its_graph_gives_what_the_network_gives_batch_by_batch(pieces, lessons, tmp_path):
    torch.manual_seed(0)
    student = TextStudent(student_sizes(SIZES, pieces.count)).eval()
    export_graph(student, PIECE_FEATURES, tmp_path / "pieces.onnx", {"bert_dim": SIZES.hidden})
    stage = TextPieceStage(open_stage(PIECE_FEATURES, tmp_path / "pieces.onnx", SETTINGS), pieces)
    stage.warm_up()
    requests = [
        {"bert_token_ids": each.token_ids[np.newaxis], "character_lengths": np.array([[each.token_ids.size]])}
        for each in lessons[:3]
    ]
    for answer, lesson in zip(stage.run(requests), lessons, strict=False):
        inputs = {name: value for name, value in pack([lesson], pieces).items() if name != "features"}
        expected = student(**inputs).detach().numpy()
        assert answer["character_features"].shape == expected.shape
        assert np.allclose(answer["character_features"], expected, atol=1e-4)
