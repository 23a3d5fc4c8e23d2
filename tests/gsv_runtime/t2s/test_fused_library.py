"""Where the library of the fused engine can run, and what is said where it cannot."""

import shutil
from pathlib import Path

import pytest

from gsv_runtime.t2s import fused_library
from gsv_runtime.t2s.fused_library import AVX2, AVX512

FLAGS = "fpu avx2 fma f16c avx512f avx512bw avx512dq avx512vl avx512_vnni"


@pytest.fixture(autouse=True)
def forget():
    fused_library.usable.cache_clear()
    yield
    fused_library.usable.cache_clear()


@pytest.mark.parametrize(
    ("facts", "usable"),
    [
        (f"processor : 0\nflags\t\t: {FLAGS}\n", (AVX512, AVX2)),
        (f"flags : {FLAGS.replace('avx512_vnni', '')}\n", (AVX2,)),
        (f"flags : {FLAGS.replace('avx2', '').replace('avx512f', '')}\n", ()),
        ("Features : fp asimd\n", ()),  # a CPU of another kind
    ],
)
def test_what_the_cpu_has_decides_which_library_is_loaded(monkeypatch, tmp_path, facts, usable):
    (tmp_path / "cpuinfo").write_text(facts)
    monkeypatch.setattr(fused_library, "_CPU_FACTS", tmp_path / "cpuinfo")
    monkeypatch.setattr(fused_library, "path", lambda library: Path(f"{library.name}.so"))
    assert fused_library.usable() == usable


def test_without_a_compiler_it_does_not_run_and_says_what_it_needs(monkeypatch):
    monkeypatch.setattr(fused_library, "path", lambda library: None)
    assert not fused_library.runs_here()
    with pytest.raises(RuntimeError, match="a C compiler"):
        fused_library.load()


@pytest.mark.skipif(not fused_library.runs_here(), reason="needs AVX2, and the library compiled")
def test_a_library_of_other_sources_is_refused_before_it_reads_what_is_not_its_own(monkeypatch, tmp_path):
    library = fused_library.path(fused_library.usable()[0])
    for source in library.parent.glob("_fused*"):
        shutil.copy(source, tmp_path)
    copy = tmp_path / library.name
    monkeypatch.setattr(fused_library, "path", lambda library: copy)
    fused_library.load()
    (tmp_path / "_fused.h").write_text("/* as after `git pull` */\n")
    with pytest.raises(RuntimeError, match="run `make setup`"):
        fused_library.load()
    for source in tmp_path.glob("*.[ch]"):  # as in a wheel
        source.unlink()
    fused_library.load()
