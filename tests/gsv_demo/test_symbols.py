"""What teachers write, in the names that the content encoder learns."""

from gsv_demo.labels import PHONES
from gsv_demo.symbols import phones_of


def spoken(symbols: str, step: float = 1.0) -> list[tuple[str, float]]:
    names, ends = phones_of(list(symbols), [step * (index + 1) for index in range(len(symbols))])
    return list(zip(names, ends, strict=True))


def test_stress_marks_lengthen_the_phone_behind_them_and_spaces_the_one_before() -> None:
    assert spoken("_hˈI mˌi._") == [("pau", 1), ("hh", 2), ("ay", 5), ("m", 6), ("iy", 8), ("pau", 10)]


def test_espeaks_pairs_become_one_phone_and_its_pads_lengthen_the_one_before() -> None:
    found = spoken("^_t_ʃ_e_ɪ_n_ː_.$")
    assert found == [("pau", 2.0), ("ch", 6.0), ("ey", 10.0), ("n", 14.0), ("pau", 16.0)]


def test_phones_of_two_words_are_not_joined() -> None:
    assert [name for name, _ in spoken("_ðæt ʃi_")] == ["pau", "dh", "ae", "t", "sh", "iy", "pau"]


def test_flites_own_names_pass_unchanged() -> None:
    assert phones_of(("pau", "hh", "ay", "pau"), (0.1, 0.2, 0.4, 0.5)) == (
        ("pau", "hh", "ay", "pau"),
        (0.1, 0.2, 0.4, 0.5),
    )


def test_every_name_is_one_that_the_encoder_knows() -> None:
    names, _ = phones_of(list("_AIOWYQiuɪʊɛæɑɔʌəɐᵊɜɚᵻbdfhjklmnpstvwzɡŋɹʃʒʧʤθðTɾʔ_"), [0.1 * n for n in range(50)])
    assert set(names) <= set(PHONES)


def test_ends_never_fall_and_silence_at_the_end_is_no_phone() -> None:
    found = spoken("_kˈæt_")
    assert found[-1] == ("pau", 6.0)
    assert [end for _, end in found] == sorted(end for _, end in found)
