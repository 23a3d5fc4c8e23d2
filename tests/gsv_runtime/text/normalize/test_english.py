"""English text as it is said."""

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.text.normalize.english import normalize

GOLDEN = json.loads(gzip.decompress((Path(__file__).parents[3] / "data/frontend-golden.json.gz").read_bytes()))

# Where upstream is wrong: it invents "a.m.", spells acronyms that are words, glues and capitalises.
UPSTREAM_WRONG = [
    ("four o'clock a.m.", "four o'clock"),
    ("N A S A", "NASA"),
    ("Equals seven,negative", "equals seven, negative"),
]


@pytest.mark.parametrize(("text", "said"), GOLDEN["en_normalize"])
def test_upstream_wording_where_upstream_is_right(text, said):
    for wrong, right in UPSTREAM_WRONG:
        said = said.replace(wrong, right)
    assert normalize(text) == said


ROWS = [
    ("The meeting is at 3 p.m. today.", "The meeting is at three p.m. today."),
    ("On 12/25/2023 we met at 10:30 a.m., again.",
     "On December twenty-fifth, twenty twenty-three we met at ten thirty a.m., again."),
    ("Jan. 15, 2024", "January fifteenth, twenty twenty-four"),
    ("4 July 1776", "the fourth of July, seventeen seventy-six"),
    ("the 2nd of May", "the second of May"),
    ("2024-05-01", "May first, twenty twenty-four"),
    ("It's 5:05.", "It's five oh five."),
    ("20:00", "eight o'clock p.m."),
    ("9am-5pm", "nine a.m. to five p.m."),
    ("72°F (22°C)", "seventy-two degrees fahrenheit, twenty-two degrees celsius,"),
    ("15 mph", "fifteen miles per hour"),
    ("9.8 m/s²", "nine point eight meters per second squared"),
    ("He won 3-2.", "He won three to two."),
    ("pages 10-20", "pages ten to twenty"),
    ("2019-2020", "twenty nineteen to twenty twenty"),
    ("120 lbs", "one hundred twenty pounds"),
    ("5'6\" tall", "five foot six tall"),
    ("5.5GB and 60Hz", "five point five gigabytes and sixty hertz"),
    ("100 km/h", "one hundred kilometers per hour"),
    ("555-0199", "five five five, zero one nine nine"),
    ("(555) 123-4567", "five five five, one two three, four five six seven"),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("Visit google.com now", "Visit google dot com now"),
    ("https://www.example.com/a-b", "W W W dot example dot com slash a dash b"),
    ("john.doe99@gmail.com", "john dot doe nine nine at gmail dot com"),
    ("$1", "one dollar"),
    ("$0.99", "ninety-nine cents"),
    ("$1,000,000", "one million dollars"),
    ("$2.5B", "two point five billion dollars"),
    ("€3.20", "three euros and twenty cents"),
    ("£5m", "five million pounds"),
    ("$3.5 million", "three point five million dollars"),
    ("2 1/2 cups", "two and one half cups"),
    ("the 21st and 100th", "the twenty-first and one hundredth"),
    ("the 1980s and the '90s", "the nineteen eighties and the nineties"),
    ("World War II", "World War two"),
    ("Henry VIII", "Henry the eighth"),
    ("Python 3.11", "Python three point one one"),
    ("version 2.0.1", "version two point zero point one"),
    ("iOS 17", "i O S seventeen"),
    ("4K, 5G, H2O", "four K, five G, H two O"),
    ("The U.S.A. and the U.K.", "The U S A and the U K."),
    ("CEO, FBI, NASA, NATO", "C E O, F B I, NASA, NATO"),
    ("GPUs and TVs", "G P U's and TVs"),
    ("10% off", "ten percent off"),
    ("5+3=8", "five plus three equals eight"),
    ("6 × 7", "six times seven"),
    ("10 / 2", "ten divided by two"),
    ("-5 or 0.001", "negative five or zero point zero zero one"),
    ("Mr. and Mrs. Smith", "Mister and Missus Smith"),
    ("Dr. Lee lives on Main St.", "Doctor Lee lives on Main Street."),
    ("St. Louis", "Saint Louis"),
    ("Apple Inc.", "Apple Incorporated."),
    ("No. 7. No. Really.", "number seven. No. Really."),
    ("cats, dogs, etc.", "cats, dogs, et cetera."),
    ("approx. 5 min", "approximately five minutes"),
    ("Fig. 3, e.g., this", "figure three, for example this"),
    ("24/7 or 50/50", "twenty-four seven or fifty fifty"),
    ("R&D, Q&A, AT&T", "R and D, Q and A, A T and T"),
    ("#1 fan", "number one fan"),
    ("C++", "C plus plus"),
    ("THIS IS IMPORTANT!", "THIS IS IMPORTANT!"),
    ("I am OK.", "I am O K."),
    ("naïve café Zürich", "naive cafe Zurich"),
    ("1001, 1900, 2005, 2010", "ten oh one, nineteen hundred, two thousand five, twenty ten"),
    ("007", "zero zero seven"),
    ("1,234,567", "one million, two hundred thirty-four thousand, five hundred sixty-seven"),
    ("a ratio of 3:1", "a ratio of three to one"),
    ("MacBook, McDonald's, GitHub, OpenAI", "MacBook, McDonald's, GitHub, Open A I"),
    ("Hello—world", "Hello, world"),
    ("wait... what?!", "wait. what?"),
    ("She said “yes”, didn’t she?", "She said yes, didn't she?"),
    ("the dogs' tails and 'quotes'", "the dogs tails and quotes"),
    ("First: this; then that.", "First, this, then that."),
    ("well-known", "well-known"),
    ("α and Ω", "alpha and omega"),
    ("1999. Then", "nineteen ninety-nine. Then"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), ROWS)
def test_figures_abbreviations_and_signs_are_said_as_people_say_them(text, said):
    assert normalize(text) == said


@given(text=st.text(st.sampled_from("0123456789.,:-/'$%°akmAB éß×²½st \n") | st.characters(codec="utf-8"), max_size=40))
def test_only_letters_and_marks_come_out(text):
    assert re.fullmatch(r"[A-Za-z'.,?! \-]*", normalize(text))
