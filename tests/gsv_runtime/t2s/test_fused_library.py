"""Where the library of the fused engine can run, and what is said where it cannot."""

import shutil
from pathlib import Path

import pytest

from gsv_runtime.t2s import fused_library

FLAGS = "fpu avx2 fma f16c avx512f avx512bw avx512dq avx512vl avx512_vnni"


@pytest.fixture(autouse=True)
def forget():
    fused_library.runs_here.cache_clear()
    yield
    fused_library.runs_here.cache_clear()


@pytest.mark.parametrize(
    ("facts", "runs"),
    [
        (f"processor : 0\nflags\t\t: {FLAGS}\n", True),
        (f"flags : {FLAGS.replace('avx512_vnni', '')}\n", False),
        ("Features : fp asimd\n", False),  # a CPU of another kind
    ],
)
def test_it_runs_where_the_cpu_has_all_that_it_was_compiled_for(monkeypatch, tmp_path, facts, runs):
    (tmp_path / "cpuinfo").write_text(facts)
    monkeypatch.setattr(fused_library, "_CPU_FACTS", tmp_path / "cpuinfo")
    monkeypatch.setattr(fused_library, "path", lambda: Path("_fused.so"))
    assert fused_library.runs_here() is runs


def test_without_a_compiler_it_does_not_run_and_says_what_it_needs(monkeypatch):
    monkeypatch.setattr(fused_library, "path", lambda: None)
    assert not fused_library.runs_here()
    with pytest.raises(RuntimeError, match="a C compiler"):
        fused_library.load.__wrapped__()


@pytest.mark.skipif(fused_library.path() is None, reason="needs the library compiled")
def test_a_library_of_other_sources_is_refused_before_it_reads_what_is_not_its_own(monkeypatch, tmp_path):
    for source in fused_library.path().parent.glob("_fused*"):
        shutil.copy(source, tmp_path)
    copy = tmp_path / fused_library.path().name
    monkeypatch.setattr(fused_library, "path", lambda: copy)
    monkeypatch.setattr(fused_library, "runs_here", lambda: True)
    fused_library.load.__wrapped__()
    (tmp_path / "_fused.h").write_text("/* as after `git pull` */\n")
    with pytest.raises(RuntimeError, match="run `make setup`"):
        fused_library.load.__wrapped__()
    for source in tmp_path.glob("*.[ch]"):  # as in a wheel
        source.unlink()
    fused_library.load.__wrapped__()
