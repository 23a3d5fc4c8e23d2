"""The command that runs benchmarks."""

import pytest

from gsv_bench.__main__ import main


def test_no_two_benchmarks_have_an_option_of_the_same_name(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "--edge-rounds" in capsys.readouterr().out
