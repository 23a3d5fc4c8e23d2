"""What becomes of a text, as the client asks and shows it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gsv_client import AsyncClient, Client, InternalError, cli, connection
from gsv_client.phones import Run, Sentence, Unit, lines, parse_sentences

ORIGIN = {
    "text": "GSV 好。",
    "normalized": "GSV 好.",
    "rate": 0.8,
    "pause_after_s": 0.5,
    "runs": [
        {"language": "en", "text": "GSV", "normalized": "GSV", "given": True, "units": [["GSV", ["JH", "IY1"]]]},
        {
            "language": "zh",
            "text": " 好。",
            "normalized": "好.",
            "given": False,
            "units": [["好", ["h", "ao3"]], ["(", []], [".", ["."]]],
        },
    ],
}
SENTENCE = Sentence(
    "GSV 好。",
    "GSV 好.",
    0.8,
    0.5,
    (
        Run("en", "GSV", "GSV", True, (Unit("GSV", ("JH", "IY1")),)),
        Run("zh", " 好。", "好.", False, (Unit("好", ("h", "ao3")), Unit("(", ()), Unit(".", (".",)))),
    ),
)
ANSWER = {"origins": np.array([json.dumps(ORIGIN).encode()], dtype=object)}


class OneAnswer:
    """A transport that keeps what it was asked and always answers the same."""

    encoding = "float32"

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def infer(self, model: str, inputs: Any, dtypes: Any) -> Any:
        self.asked.append((model, {name: array[0] for name, array in inputs.items()}))
        return self.answer

    def close(self) -> None:
        pass


class OneAnswerAsync(OneAnswer):
    async def infer(self, model: str, inputs: Any, dtypes: Any) -> Any:  # type: ignore[override]
        return OneAnswer.infer(self, model, inputs, dtypes)

    async def close(self) -> None:  # type: ignore[override]
        pass


def test_phones_asks_the_front_end_to_explain_and_understands_it() -> None:
    transport = OneAnswer(ANSWER)
    with Client("host:1", transport=transport) as client:  # type: ignore[arg-type]
        assert client.phones("GSV 好。", lexicon="GSV JH IY1") == [SENTENCE]
    (model, asked), = transport.asked  # fmt: skip
    assert model == "text_frontend"
    assert asked["explain"]
    assert (asked["language"], asked["split_method"], asked["lexicon"]) == (b"auto", b"cut5", b"GSV JH IY1")


def test_the_asyncio_client_understands_the_same() -> None:
    async def ask() -> list[Sentence]:
        async with AsyncClient("host:1", transport=OneAnswerAsync(ANSWER)) as client:  # type: ignore[arg-type]
            return await client.phones("GSV 好。", "zh")

    assert asyncio.run(ask()) == [SENTENCE]


def test_a_sentences_phones_are_those_of_its_words_in_order() -> None:
    assert SENTENCE.phones == ("JH", "IY1", "h", "ao3", ".")


def test_lines_show_the_sentence_its_languages_and_each_words_phones() -> None:
    assert list(lines([SENTENCE])) == [
        "1  GSV 好。  (rate 0.8, then 0.5 s of silence)",
        "   en   GSV  phones given",
        "        GSV JH IY1",
        "   zh   好。  said: 好.",
        "        好 h ao3 | . .",
    ]


@pytest.mark.parametrize("answer", [{}, {"origins": [b"no json"]}, {"origins": [b"{}"]}])
def test_an_answer_that_cannot_be_read_is_an_error_with_advice(answer: dict[str, Any]) -> None:
    with pytest.raises(InternalError, match="run `gsv doctor`"):
        parse_sentences(answer)


def test_the_command_prints_lines_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "Client", lambda url, *_, **__: Client(url, transport=OneAnswer(ANSWER)))  # type: ignore[arg-type]
    shown = CliRunner().invoke(cli.main, ["phones", "GSV 好。", "--lang", "zh"])
    assert (shown.exit_code, shown.stdout.splitlines()) == (0, list(lines([SENTENCE])))
    as_json = CliRunner().invoke(cli.main, ["phones", "-", "--json"], input="GSV 好。")
    assert json.loads(as_json.stdout)[0]["runs"][1]["units"][0] == {"text": "好", "phones": ["h", "ao3"]}
