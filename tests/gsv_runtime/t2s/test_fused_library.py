"""Where the library of the fused engine can run, and what is said where it cannot."""

import shutil
from pathlib import Path

import pytest

from gsv_runtime.t2s import fused_library
from gsv_runtime.t2s.fused_library import AVX2, AVX512

FLAGS = "fpu avx2 fma f16c avx512f avx512bw avx512dq avx512vl avx512_vnni"


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    fused_library.usable.cache_clear()
    yield
    monkeypatch.undo()
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


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (f"flags : {FLAGS}\n", "the library was not compiled"),
        ("flags : fpu fma avx f16c\n", "this CPU lacks avx2"),
        ("Features : fp asimd\n", "this is no x86-64 CPU with Linux"),
    ],
)
def test_what_is_missing_is_told_as_it_is(monkeypatch, tmp_path, facts, reason):
    (tmp_path / "cpuinfo").write_text(facts)
    monkeypatch.setattr(fused_library, "_CPU_FACTS", tmp_path / "cpuinfo")
    monkeypatch.setattr(fused_library, "path", lambda library: None)
    assert not fused_library.runs_here()
    assert fused_library.why_none().startswith(reason)
    with pytest.raises(RuntimeError, match="a C compiler"):
        fused_library.load(AVX2)


@pytest.mark.parametrize(("head_dim", "expected"), [(32, AVX512), (16, AVX512), (24, AVX2), (8, AVX2), (12, None)])
def test_heads_that_do_not_fill_the_wide_registers_get_the_narrow_ones(monkeypatch, head_dim, expected):
    monkeypatch.setattr(fused_library, "usable", lambda: (AVX512, AVX2))
    assert fused_library.fitting(head_dim) is expected


@pytest.mark.skipif(not fused_library.runs_here(), reason="needs AVX2, and the library compiled")
def test_a_library_of_other_sources_is_refused_before_it_reads_what_is_not_its_own(monkeypatch, tmp_path):
    kind = fused_library.usable()[0]
    library = fused_library.path(kind)
    for source in library.parent.glob("_fused*"):
        shutil.copy(source, tmp_path)
    copy = tmp_path / library.name
    monkeypatch.setattr(fused_library, "path", lambda library: copy)
    fused_library.load(kind)
    (tmp_path / "_fused.h").write_text("/* as after `git pull` */\n")
    with pytest.raises(RuntimeError, match="run `make setup`"):
        fused_library.load(kind)
    for source in tmp_path.glob("*.[ch]"):  # as in a wheel
        source.unlink()
    fused_library.load(kind)
