import pytest

from gsv_runtime import reuse_policy as policy


@pytest.mark.parametrize(
    ("asked", "seeded", "found"),
    [
        ("", True, "audio"),
        ("", False, "features"),
        ("audio", False, "audio"),
        ("off", True, "off"),
        ("tokens", True, "tokens"),
    ],
)
def test_who_names_a_seed_may_get_kept_audio_and_who_does_not_gets_a_fresh_take_unless_asked(asked, seeded, found):
    assert policy.level(asked, seeded) == found


def test_each_level_allows_those_below_it():
    allowed = {
        asked: [what for what in policy.REUSE_LEVELS[1:] if policy.allows(asked, what)] for asked in policy.REUSE_LEVELS
    }
    assert allowed == {
        "off": [],
        "features": ["features"],
        "tokens": ["features", "tokens"],
        "audio": ["features", "tokens", "audio"],
    }
