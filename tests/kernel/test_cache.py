"""What is kept of a compiled function is used only where it is whole, ours, and gives the answer that it gave."""

import errno
import gc
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numba import TypingError, types

from simengine.kernel import cache, random, run
from simengine.kernel.selftest import digest, published_words, smallest_plan
from simengine.kernel.tables import CellOut, GroupOut, PoolOut, SegmentOut

SOURCE = """
def double(x):
    return 2.0 * x


def triple(x):
    return 3.0 * x
"""
SIGNATURE = (types.float64,)
DRAWS = np.arange(16)
"""Of the smallest plan's paths."""


def answer(function):
    return str(function(1.25))


def load(function):
    return cache.load_or_compile(function, SIGNATURE, answer)


def loaded(dispatcher):
    """Whether numba read the function from a file."""
    return sum(dispatcher.stats.cache_hits.values()) == 1


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """A file with two functions, which are compiled in milliseconds, and an empty home."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    cache._say_once.cache_clear()
    return imported(tmp_path / "source", monkeypatch)


def imported(folder, monkeypatch):
    """The two functions, from a file of their own."""
    folder.mkdir()
    path = folder / "tiny.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("tiny", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "tiny", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def double(functions):
    """A function that is kept."""
    assert not loaded(load(functions.double))
    assert cache.is_kept(functions.double)
    return functions.double


def files(function, suffix):
    return list(cache.folder_of(function).rglob(f"*{suffix}"))


def only(function, suffix):
    (file,) = files(function, suffix)
    return file


def assert_compiled_anew_and_kept(function):
    assert not cache.is_kept(function)
    again = load(function)
    assert not loaded(again)
    assert again(21.0) == 42.0
    assert loaded(load(function))


def test_a_function_is_compiled_once_and_then_loaded(double):
    again = load(double)
    assert loaded(again)
    assert again(21.0) == 42.0
    with pytest.raises(TypeError):
        again("no other signature")
    assert cache.folder_of(double).stat().st_mode & 0o777 == 0o700
    assert cache.folder_of(double).parent.stat().st_mode & 0o777 == 0o700


DAMAGE = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    **{
        f"bit flipped at {share:.0%}": lambda data, share=share: bytes(
            byte ^ (i == int(share * (len(data) - 1))) for i, byte in enumerate(data)
        )
        for share in (0.0, 0.3, 0.6, 1.0)
    },
}


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_numba_never_reads_a_damaged_file(double, suffix, damage):
    file = only(double, suffix)
    file.write_bytes(damage(file.read_bytes()))
    assert_compiled_anew_and_kept(double)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"answer": "2.5"}', '{"answer": "2.5", "files": {}}', "\0\1\2", "[" * 100_000],
    ids=range(9),
)
def test_a_damaged_manifest_holds_for_nothing(double, text):
    (cache.folder_of(double) / "manifest.json").write_text(text)
    assert_compiled_anew_and_kept(double)


@pytest.mark.parametrize("name", [".nbi", ".nbc", "manifest.json"])
def test_a_missing_file_is_made_again(double, name):
    only(double, name).unlink()
    assert_compiled_anew_and_kept(double)


def forge_manifest(function, **changes):
    """What no damage would do: a manifest that holds for what is there."""
    place = cache.folder_of(function)
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps({**manifest, "files": cache._digests(place), **changes}))


@pytest.mark.parametrize("forged", [False, True])
def test_machine_code_of_another_function_gives_itself_away(functions, double, forged):
    load(functions.triple)
    shutil.copy(only(functions.triple, ".nbc"), only(double, ".nbc"))
    if forged:
        # the digests hold, numba loads it, and only the self-test is left
        forge_manifest(double)
        assert cache.is_kept(double)
        wrong = cache._dispatcher(cache.folder_of(double), double)
        wrong.compile(SIGNATURE)
        assert wrong(21.0) == 63.0
    again = load(double)
    assert not loaded(again)
    assert again(21.0) == 42.0
    assert loaded(load(double))


def test_a_file_that_numba_cannot_read_is_compiled_anew_though_its_digest_holds(double):
    only(double, ".nbc").write_bytes(b"no pickle")
    forge_manifest(double)
    again = load(double)
    assert not loaded(again)
    assert again(21.0) == 42.0


def test_another_answer_than_once_is_not_trusted(double):
    forge_manifest(double, answer="2.4999999999999996")
    assert not loaded(load(double))
    assert loaded(load(double))


def test_a_link_is_no_file_of_ours(double, tmp_path):
    file = only(double, ".nbc")
    shutil.move(file, tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert_compiled_anew_and_kept(double)
    assert (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_pipe_in_place_of_the_manifest_is_not_waited_for(double):
    manifest = cache.folder_of(double) / "manifest.json"
    manifest.unlink()
    os.mkfifo(manifest)
    assert_compiled_anew_and_kept(double)


@pytest.mark.parametrize("name", [".nbi", ".nbc", "manifest.json"])
def test_a_folder_in_place_of_a_file_costs_only_the_keeping(double, caplog, name):
    file = only(double, name)
    file.unlink()
    file.mkdir()
    assert not cache.is_kept(double)
    assert load(double)(21.0) == 42.0
    assert len(caplog.messages) == 1


as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser gives files away"
)


@as_root
def test_a_file_of_another_user_is_not_read(double):
    os.chown(only(double, ".nbc"), 65_534, -1)
    assert_compiled_anew_and_kept(double)


def open_to_all(place):
    place.chmod(0o777)


def given_away(place):
    os.chown(place, 65_534, -1)


def a_link(place):
    place.rename(place.with_name("elsewhere"))
    place.symlink_to(place.with_name("elsewhere"))


def a_file(place):
    shutil.rmtree(place)
    place.write_text("mine")


def assert_compiled_for_this_process_only(function, caplog):
    before = sorted(Path(os.environ["XDG_CACHE_HOME"]).rglob("*"))
    assert not cache.is_kept(function)
    for _ in range(2):
        compiled = load(function)
        assert compiled(21.0) == 42.0
        assert compiled.stats.cache_path is None
    (notice,) = caplog.messages
    assert notice.startswith("The compiled simulation is not kept")
    assert "XDG_CACHE_HOME" in notice
    assert "\n" not in notice
    assert sorted(Path(os.environ["XDG_CACHE_HOME"]).rglob("*")) == before


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("spoil", [open_to_all, pytest.param(given_away, marks=as_root), a_link, a_file])
@pytest.mark.parametrize("above", [False, True], ids=["the folder", "the folder above"])
def test_a_folder_that_others_can_write_is_neither_read_nor_written(double, caplog, spoil, above):
    place = cache.folder_of(double)
    spoil(place.parent if above else place)
    assert_compiled_for_this_process_only(double, caplog)


@pytest.mark.parametrize(
    "home",
    ["a file", pytest.param("/proc", marks=pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc"))],
)
def test_where_nothing_can_be_written_nothing_is_kept(functions, tmp_path, monkeypatch, caplog, home):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / home))
    assert not cache.is_kept(functions.double)
    assert load(functions.double)(21.0) == 42.0
    assert len(caplog.messages) == 1


def test_without_a_home_nothing_is_kept(functions, monkeypatch, caplog):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert not cache.is_kept(functions.double)
    assert load(functions.double)(21.0) == 42.0
    assert "you have no home folder" in caplog.text


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device", "somewhere")


@pytest.mark.parametrize(
    "what", ["numba.core.caching.IndexDataCacheFile._save_data", "simengine.kernel.cache._write_manifest"]
)
def test_a_full_disk_costs_only_the_keeping(functions, monkeypatch, caplog, what):
    with monkeypatch.context() as patch:
        patch.setattr(what, full)
        assert load(functions.double)(21.0) == 42.0
    assert "somewhere: No space left on device" in caplog.text
    assert_compiled_anew_and_kept(functions.double)


def test_numba_is_not_followed_to_another_place(functions, monkeypatch, caplog):
    monkeypatch.setattr("numba.config.CACHE_LOCATOR_CLASSES", "InTreeCacheLocator")
    assert load(functions.double)(21.0) == 42.0
    assert "numba cannot write" in caplog.text
    assert not list(Path(functions.__file__).parent.rglob("*.nb*"))


def test_what_a_killed_process_left_is_swept_away(double):
    torn = only(double, ".nbc").with_suffix(".nbc.tmp.0123456789abcdef")
    torn.write_bytes(b"half of it")
    assert loaded(load(double))
    only(double, "manifest.json").unlink()
    assert_compiled_anew_and_kept(double)
    assert not torn.exists()


def test_another_source_beside_it_is_another_folder(functions):
    before = cache.folder_of(functions.double)
    (Path(functions.__file__).parent / "helper.py").write_text("x = 1\n")
    assert cache.folder_of(functions.double) != before


def test_two_checkouts_of_the_same_sources_keep_theirs_apart(double, tmp_path, monkeypatch):
    other = imported(tmp_path / "checkout", monkeypatch)
    assert not loaded(load(other.double))
    assert loaded(load(double))
    assert loaded(load(other.double))


@pytest.mark.parametrize("setting", ["BOUNDSCHECK", "OPT", "CPU_NAME"])
def test_another_setting_of_numba_is_another_folder(functions, monkeypatch, setting):
    before = cache.folder_of(functions.double)
    monkeypatch.setattr(f"numba.config.{setting}", "other")
    assert cache.folder_of(functions.double) != before


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_nobody_waits_for_ever(double, monkeypatch, caplog):
    monkeypatch.setattr(cache, "_PATIENCE_S", 0.0)
    with cache._locked(cache.folder_of(double), shared=True):
        assert loaded(load(double))  # many may read at once
    with cache._locked(cache.folder_of(double), shared=False):
        assert load(double)(21.0) == 42.0
    assert "another process has held" in caplog.text


COLD = """
import sys
import time

sys.path.insert(0, sys.argv[1])
import tiny
from numba import types
from simengine.kernel.cache import load_or_compile

print("ready", flush=True)
sys.stdin.readline()
double = load_or_compile(tiny.double, (types.float64,), lambda f: str(f(1.25)))
print(double(21.0), sum(double.stats.cache_misses.values()))
"""


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_of_two_cold_processes_one_compiles_and_both_are_right(functions, tmp_path):
    line = [sys.executable, "-c", COLD, str(Path(functions.__file__).parent)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    pair = [subprocess.Popen(line, **pipes) for _ in range(2)]
    for process in pair:
        assert process.stdout.readline() == "ready\n"
    for process in pair:
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate() for process in pair]
    assert sorted(out for out, _ in told) == ["42.0 0\n", "42.0 1\n"], told
    assert [error for _, error in told] == ["", ""]
    assert loaded(load(functions.double))


def test_a_wrong_answer_is_no_result(functions):
    def test(function):
        raise RuntimeError("wrong")

    for home in ("kept", "not kept"):
        if home == "not kept":
            cache.folder_of(functions.double).parent.chmod(0o777)
        with pytest.raises(RuntimeError, match="wrong"):
            cache.load_or_compile(functions.double, SIGNATURE, test)
    assert not cache.is_kept(functions.double)


@pytest.mark.parametrize("collects", [True, False])
@pytest.mark.parametrize("signature", [SIGNATURE, (types.unicode_type,)], ids=["compiles", "fails"])
def test_garbage_is_searched_for_again_after_compiling(double, signature, collects):
    if not collects:
        gc.disable()
    try:
        with suppress(TypingError):
            cache.load_or_compile(double, signature, answer)
        assert gc.isenabled() is collects
    finally:
        gc.enable()


def pages():
    """Pages of memory that the system has handed out."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def leaf(a, b, c):
    return a, b, c


def pages_for_calls(depth):
    """Pages handed out for 1,000 calls from below `depth` others."""
    if depth > 0:
        return pages_for_calls(depth - 1)
    before = pages()
    for _ in range(1_000):
        leaf(1, 2, 3)
    return pages() - before


def most_pages():
    return max(pages_for_calls(depth) for depth in range(300))


@pytest.mark.skipif(sys.platform != "linux", reason="pages are counted as Linux does")
def test_calls_of_a_compiler_find_room_on_the_stack():
    assert cache._with_room(most_pages) < 500
    if sys.version_info < (3, 13):  # later ones may keep the last piece
        assert most_pages() >= 1_000


# ---- the kernel's own test ----


@pytest.mark.jit_off
def test_the_generator_is_held_against_published_words():
    assert published_words(random.philox) == "d16cfe09 94fdcceb 5001e420 24126ea1"

    def wrong(*address):
        x0, x1, x2, x3 = random.philox(*address)
        return x0, x1, x2, x3 ^ np.uint64(address[0] != 0)

    with pytest.raises(RuntimeError, match="No result can be right"):
        published_words(wrong)


@pytest.mark.jit_off
def test_much_happens_in_the_smallest_plan():
    results = run.run_block(*smallest_plan(), DRAWS)
    seen = {
        output.name
        for outputs, array in zip((SegmentOut, GroupOut, CellOut, PoolOut), results, strict=False)
        for output in outputs
        if array[..., output].any()
    }
    assert seen >= {"STARTS", "LEAVERS", "INVOLUNTARY", "RAMPED", "CREDITED", "COMMISSION", "STALE", "WAITING"}
    assert seen >= {
        "WON",
        "LOST",
        "NEW_ARR",
        "EXPANSION_ARR",
        "CONTRACTION_ARR",
        "CHURNED_ARR",
        "PRICE_ARR",
        "BILLINGS",
    }
    assert all(np.isfinite(array).all() for array in results)


def test_the_smallest_plan_tells_one_bit():
    first, second = (run.run_block(*smallest_plan(), DRAWS) for _ in range(2))
    assert digest(first) == digest(second)
    booked = second.cell[-1, -1, -1]
    booked[CellOut.BOOKINGS] = np.nextafter(booked[CellOut.BOOKINGS], np.inf)
    assert digest(first) != digest(second)


def test_the_kernel_itself_is_kept_and_gives_its_answer_again():
    run.ready()
    assert run.is_compiled()
    place = cache.folder_of(run.path.simulate_paths.py_func)
    assert json.loads((place / "manifest.json").read_text())["answer"] == run._answer(run.ready())
