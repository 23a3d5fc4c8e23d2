"""A g2pW directory of toy size with random weights, in the format of the published one."""

import json

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model

READINGS = {
    "行": "ㄒㄧㄥ2 ㄏㄤ2 ㄒㄧㄥ4", "長": "ㄔㄤ2 ㄓㄤ3", "重": "ㄓㄨㄥ4 ㄔㄨㄥ2", "樂": "ㄌㄜ4 ㄩㄝ4",
    "還": "ㄏㄞ2 ㄏㄨㄢ2",
    "得": "ㄉㄜ2 ㄉㄟ3 ㄉㄜ5", "都": "ㄉㄡ1 ㄉㄨ1", "為": "ㄨㄟ2 ㄨㄟ4", "了": "ㄌㄜ5 ㄌㄧㄠ3", "數": "ㄕㄨ3 ㄕㄨ4",
    "發": "ㄈㄚ1 ㄈㄚ4", "中": "ㄓㄨㄥ1 ㄓㄨㄥ4", "和": "ㄏㄜ2 ㄏㄢ4", "差": "ㄔㄚ1 ㄔㄞ1 ㄘ1", "地": "ㄉㄧ4 ㄉㄜ5",
}  # fmt: skip
SINGLE = {"銀": "ㄧㄣ2", "書": "ㄕㄨ1", "企": "ㄑㄧ4", "似": "ㄙ4", "們": "ㄇㄣ5"}
PINYIN = {
    "ㄒㄧㄥ": "xing", "ㄏㄤ": "hang", "ㄔㄤ": "chang", "ㄓㄤ": "zhang", "ㄓㄨㄥ": "zhong", "ㄔㄨㄥ": "chong",
    "ㄌㄜ": "le",
    "ㄩㄝ": "yue", "ㄏㄞ": "hai", "ㄏㄨㄢ": "huan", "ㄉㄜ": "de", "ㄉㄟ": "dei", "ㄉㄡ": "dou", "ㄉㄨ": "du",
    "ㄨㄟ": "wei",
    "ㄌㄧㄠ": "liao", "ㄕㄨ": "shu", "ㄈㄚ": "fa", "ㄏㄜ": "he", "ㄏㄢ": "han", "ㄔㄚ": "cha", "ㄔㄞ": "chai",
    "ㄘ": "ci",
    "ㄉㄧ": "di", "ㄧㄣ": "yin", "ㄑㄧ": "qi", "ㄙ": "si", "ㄇㄣ": "men",
}  # fmt: skip
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ",", ".", *(chr(code) for code in range(0x4E00, 0x9FA6, 2))]
_WIDTH = 8


def write(directory):
    """Writes the model's files into `directory` and vocab.txt where the text front end looks for it."""
    directory.mkdir(parents=True)
    polyphonic = [f"{char}\t{reading}" for char, readings in READINGS.items() for reading in readings.split()]
    (directory / "POLYPHONIC_CHARS.txt").write_text("\n".join(polyphonic) + "\n", encoding="utf-8")
    single = "\n".join(f"{char}\t{reading}" for char, reading in SINGLE.items())
    (directory / "MONOPHONIC_CHARS.txt").write_text(single + "\n", encoding="utf-8")
    (directory / "bopomofo_to_pinyin_wo_tune_dict.json").write_text(json.dumps(PINYIN), encoding="utf-8")
    (directory / "char_bopomofo_dict.json").write_text("{}", encoding="utf-8")
    (directory / "config.py").write_text("use_mask = True\nuse_char_phoneme = False\nmodel_source = ''\n")
    (directory.parents[1] / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    save_model(_graph(len({r for readings in READINGS.values() for r in readings.split()})), directory / "g2pW.onnx")


def _graph(num_labels):
    """Logits from the token asked for and the mean of all tokens, so that context, padding and position matter."""
    draw = np.random.default_rng(5)
    weights = {
        "tokens": draw.standard_normal((len(VOCABULARY), _WIDTH)),
        "chars": draw.standard_normal((len(READINGS), num_labels)),
        "here": 3 * draw.standard_normal((_WIDTH, num_labels)),
        "around": 9 * draw.standard_normal((_WIDTH, num_labels)),
    }
    constants = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    constants += [numpy_helper.from_array(np.array([axis]), f"axis{axis}") for axis in (1, 2)]
    nodes = [
        helper.make_node("Gather", ["tokens", "input_ids"], ["embedded"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "axis2"], ["mask3"]),
        helper.make_node("Mul", ["embedded", "mask3"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "axis1"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "axis1"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("Unsqueeze", ["position_ids", "axis1"], ["place"]),
        helper.make_node("GatherND", ["embedded", "place"], ["asked"], batch_dims=1),
        helper.make_node("MatMul", ["asked", "here"], ["a"]),
        helper.make_node("MatMul", ["mean", "around"], ["b"]),
        helper.make_node("Gather", ["chars", "char_ids"], ["c"]),
        helper.make_node("Sum", ["a", "b", "c"], ["logits"]),
        helper.make_node("Exp", ["logits"], ["positive"]),
        helper.make_node("Mul", ["positive", "phoneme_mask"], ["probs"]),
    ]
    kinds = {"input_ids": 2, "token_type_ids": 2, "attention_mask": 2, "char_ids": 1, "position_ids": 1}
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, [None] * rank) for n, rank in kinds.items()]
    inputs.insert(3, helper.make_tensor_value_info("phoneme_mask", TensorProto.FLOAT, [None, num_labels]))
    outputs = [helper.make_tensor_value_info("probs", TensorProto.FLOAT, [None, num_labels])]
    graph = helper.make_graph(nodes, "fake_g2pw", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
