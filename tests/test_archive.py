"""Runs on disk: what is read is what was written, or an error says what is wrong."""

import errno
import hashlib
import json
import os
import resource
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from simengine import archive
from simengine.archive import check_place, is_run, load_plan, load_run, save
from simengine.errors import MachineError, SimengineError
from simengine.plan import load
from simengine.results.dataset import digest

TINY = Path(__file__).parent / "plans" / "tiny.yaml"
FILES = ("manifest.json", "plan/tiny.yaml", "result.nc")


@pytest.fixture(scope="module")
def plan():
    return load(TINY, ["base.smb.renewal_rate=91 %"])


@pytest.fixture(scope="module")
def ds():
    """Every kind of content that a result may have, and characters beyond ASCII."""
    rng = np.random.default_rng(1)
    arr = rng.lognormal(15, 1, (3000, 12))
    arr[0, 0], arr[1, 1], arr[2, 2], arr[3, 3] = np.nan, np.inf, -np.inf, -0.0
    return xr.Dataset(
        {
            "ending_arr": (("draw", "month"), arr, {"units": "USD", "long_name": "ARR at the end of the month"}),
            "headcount": (("draw", "month"), rng.integers(0, 90, (3000, 12))),
            "cycle": ("segment", [2.0, 3.5], {"units": "months"}),
            "age": ("segment", [2.0, 3.5], {"units": "days"}),
            "hit": ("draw", rng.random(3000) < 0.3),
            "note": ("segment", ["", "naïve · 日本"]),
            "nothing": (("draw", "target"), np.empty((3000, 0))),
            "p": ((), 0.25),
        },
        {
            "draw": np.arange(3000),
            "month": [f"2027-{t + 1:02d}" for t in range(12)],
            "segment": ["enterprise-na", "smb"],
            "geo": ("segment", ["NA", "EMEA"]),
            "customer type": ("segment", ["large", "small"]),
            "target": np.array([], dtype=np.str_),
        },
        {"plan": "Tiny", "seed": 2**64 - 1, "draws": 3000, "level": 0.95, "as_of": "", "text": "süß"},
    )


@pytest.fixture
def run(ds, plan, tmp_path):
    return save(ds, plan, tmp_path / "run", extra={"wall_seconds": 1.5})


def test_what_is_read_is_what_was_written(run, ds):
    found = load_run(run)
    xr.testing.assert_identical(found.dataset, ds)
    assert {name: v.dtype for name, v in found.dataset.variables.items()} == {
        n: v.dtype for n, v in ds.variables.items()
    }
    assert found.dataset.attrs == ds.attrs
    assert {type(value) for value in found.dataset.attrs.values()} == {str, int, float}
    assert digest(found.dataset) == digest(ds) == found.manifest["digest"]


def test_a_run_that_was_read_can_be_written_again(run, plan, tmp_path):
    found = load_run(run)
    again = load_run(save(found.dataset, plan, tmp_path / "again"))
    xr.testing.assert_identical(again.dataset, found.dataset)
    assert again.manifest["digest"] == found.manifest["digest"]


def test_the_file_is_netcdf_that_xarray_opens_by_itself(run, ds):
    with xr.open_dataset(run / "result.nc", engine="scipy", decode_timedelta=False) as found:
        assert set(found.coords) == set(ds.coords) - {"customer type", "target"}
        assert set(found.variables) == set(ds.variables) - {"target", "nothing"}  # a length of zero means another thing
        for name, variable in found.variables.items():
            np.testing.assert_array_equal(variable.values, ds.variables[name].values, err_msg=str(name))
            assert variable.dims == ds.variables[name].dims
            assert variable.attrs == ds.variables[name].attrs
        assert found.attrs["plan"] == "Tiny"
        assert found.attrs["seed"] == str(2**64 - 1)
        assert found.attrs["level"] == 0.95


def test_whole_numbers_that_need_more_than_32_bits_come_back(ds, plan, tmp_path):
    large = ds.assign(many=("segment", np.array([2**40, -1])))
    found = load_run(save(large, plan, tmp_path / "run")).dataset
    xr.testing.assert_identical(found, large)
    assert found["many"].dtype == np.int64


def test_a_variable_larger_than_the_format_allows_is_refused(plan, tmp_path):
    huge = xr.Dataset({"cash": (("draw", "month"), np.broadcast_to(1.0, (2**25, 24)))})
    with pytest.raises(SimengineError, match=r"cash has 6.4 GB, .* simulate fewer draws, or with another --detail"):
        save(huge, plan, tmp_path / "run")


def test_the_manifest_says_what_made_the_run(run, ds, plan):
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["run"] == ds.attrs
    assert manifest["plan"] == {"file": "tiny.yaml", "overrides": ["base.smb.renewal_rate=91 %"]}
    assert manifest["wall_seconds"] == 1.5
    assert {"simengine", "python", "numpy", "numba", "platform"} <= set(manifest["environment"])
    assert set(manifest["files"]) == set(FILES) - {"manifest.json"}
    for name, entry in manifest["files"].items():
        content = (run / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    assert (
        (run / "plan" / "tiny.yaml").read_text(encoding="utf-8") == plan.texts["tiny.yaml"] == TINY.read_text("utf-8")
    )


def test_files_of_the_plan_keep_their_folders(ds, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "base.yaml").write_bytes(TINY.read_bytes())
    (tmp_path / "more.yaml").write_text("extends: parts/base.yaml\nscenario: {name: More}\n")
    run = save(ds, load(tmp_path / "more.yaml"), tmp_path / "run")
    assert load_run(run).manifest["plan"]["file"] == "more.yaml"
    assert load(run / "plan" / "more.yaml").texts == load(tmp_path / "more.yaml").texts


# ---- damage ----


@pytest.mark.parametrize("name", FILES)
def test_any_flipped_bit_is_found(run, name):
    path = run / name
    good = path.read_bytes()
    # Of the manifest every third byte, of the others every 97th part: the digest sees all bytes alike.
    for place in range(0, len(good), 3 if name == "manifest.json" else max(1, len(good) // 97)):
        bad = bytearray(good)
        bad[place] ^= 1 << (place % 8)
        path.write_bytes(bad)
        with pytest.raises(
            MachineError, match=r"is damaged: .*; restore the folder from a backup, or delete it and run"
        ):
            load_run(run)
    path.write_bytes(good)
    load_run(run)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_cut_file_is_found(run, name):
    path = run / name
    good = path.read_bytes()
    for length in (0, 1, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:length])
        with pytest.raises(MachineError, match=path.name):
            load_run(run)
    path.unlink()
    with pytest.raises(MachineError, match="it is missing"):
        load_run(run)


def test_arrays_that_are_not_those_stored_are_found(run, ds, monkeypatch):
    monkeypatch.setattr(archive, "digest", lambda _: "0" * 64)
    with pytest.raises(MachineError, match="its arrays are not those that were stored"):
        load_run(run)


def test_what_is_not_a_run_is_said_to_be_none(tmp_path):
    with pytest.raises(SimengineError, match="is not there; name a folder that simengine run -o has written"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(SimengineError, match=r"is not a run: it has no manifest\.json"):
        load_run(tmp_path)
    with pytest.raises(SimengineError, match="is not a run"):
        load_run(TINY)
    assert not is_run(tmp_path)
    assert not is_run(TINY)


def test_a_manifest_of_someone_else_is_not_ours(tmp_path):
    for content in (b"[]", b"{}", b'{"name": "app", "sha256": "x"}', b"\xff", b"[" * 100_000):
        (tmp_path / "manifest.json").write_bytes(content)
        with pytest.raises(MachineError, match="not as simengine wrote it"):
            load_run(tmp_path)
        assert not is_run(tmp_path)


OTHER = [
    {"files": None},
    {"files": {"../outside.txt": {"size": 1, "sha256": "x"}}},
    {"files": {"result.nc": {}}},
    {"arrays": {}},
    {"arrays": {"p": {"dims": ["draw"], "dtype": "<f8", "stored": "f8", "shape": [10**15], "begin": 0, "attrs": {}}}},
    {"arrays": {"p": {"dims": [], "dtype": "no type", "stored": "f8", "shape": [], "begin": 0, "attrs": {}}}},
    {"run": 7},
    {"coordinates": ["nowhere"]},
    {"digest": None},
    {"format_version": "2"},
]


@pytest.mark.parametrize("other", OTHER, ids=str)
def test_a_manifest_that_is_sealed_and_not_ours_is_damaged(run, other):
    manifest = json.loads((run / "manifest.json").read_bytes())
    (run / "manifest.json").write_bytes(archive._rendered(manifest_without_seal(manifest) | other))
    with pytest.raises(MachineError, match="damaged"):
        load_run(run)


@pytest.mark.parametrize("plan_entry", [None, {}, {"file": "../../manifest.json", "overrides": []}, {"file": 7}])
def test_a_plan_that_the_manifest_does_not_vouch_for_is_not_read(run, plan_entry):
    manifest = json.loads((run / "manifest.json").read_bytes())
    (run / "manifest.json").write_bytes(archive._rendered(manifest_without_seal(manifest) | {"plan": plan_entry}))
    with pytest.raises(MachineError, match="not as simengine wrote it"):
        load_plan(run)


def manifest_without_seal(manifest):
    return {name: value for name, value in manifest.items() if name != "sha256"}


def test_a_run_of_a_newer_simengine_is_refused(ds, plan, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "FORMAT_VERSION", 3)
    run = save(ds, plan, tmp_path / "run")
    monkeypatch.undo()
    with pytest.raises(SimengineError, match=r"written by a newer simengine, .*; upgrade simengine to read it"):
        load_run(run)


def test_a_run_of_an_older_format_is_refused(ds, plan, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "FORMAT_VERSION", 1)
    run = save(ds, plan, tmp_path / "run")
    monkeypatch.undo()
    with pytest.raises(SimengineError, match=r"written by an older simengine, in another format; run its plan again"):
        load_run(run)


# ---- places ----


def everything(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_a_run_replaces_another_only_when_told(run, ds, plan):
    before = everything(run.parent)
    with pytest.raises(SimengineError, match="holds a run already; choose another folder"):
        save(ds.assign(p=0.5), plan, run)
    assert everything(run.parent) == before
    (run / "figures").mkdir()
    save(ds.assign(p=0.5), plan, run, overwrite=True)
    assert load_run(run).dataset["p"] == 0.5
    assert set(everything(run.parent)) == set(before)


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_not_a_run_is_left_alone(ds, plan, tmp_path, overwrite):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").write_text('{"name": "my app"}')
    (tmp_path / "file").write_text("mine")
    before = everything(tmp_path)
    words = "is not a run, so it stays as it is; choose another folder, or delete it"
    for name in ("mine", "file"):
        with pytest.raises(SimengineError, match=words):
            save(ds, plan, tmp_path / name, overwrite=overwrite)
    assert everything(tmp_path) == before


def test_a_damaged_run_that_cannot_be_replaced_says_that_it_must_go(run, ds, plan):
    (run / "manifest.json").write_bytes(b"")
    with pytest.raises(MachineError, match="or delete it and run the plan again"):
        load_run(run)
    with pytest.raises(SimengineError, match="or delete it"):
        save(ds, plan, run, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_empty_folder_is_used(ds, plan, tmp_path, overwrite):
    (tmp_path / "new").mkdir()
    assert load_run(save(ds, plan, tmp_path / "new", overwrite=overwrite)).dataset.sizes["draw"] == 3000
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_folders_above_are_made(ds, plan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert save(ds, plan, "a/b/run") == tmp_path.resolve() / "a" / "b" / "run"
    assert is_run("a/b/run")


def test_occupied_places_are_known_before_simulating(run, tmp_path):
    check_place(tmp_path / "new" / "run")
    check_place(run, overwrite=True)
    with pytest.raises(SimengineError, match="holds a run already"):
        check_place(run)
    with pytest.raises(MachineError, match=r"cannot write the run to .*: not a directory"):
        check_place(TINY / "run")
    assert everything(tmp_path) == everything(run.parent)


def test_permission_is_asked_for_before_simulating(tmp_path, monkeypatch):
    Fault(monkeypatch, tempfile, "TemporaryFile", PermissionError(errno.EACCES, "Permission denied"), 0)
    with pytest.raises(MachineError, match=r"cannot write the run to .*: permission denied; choose a folder"):
        check_place(tmp_path / "deep" / "run")


def test_a_run_that_appears_meanwhile_is_not_lost(run, ds, plan, monkeypatch):
    before = everything(run.parent)
    monkeypatch.setattr(archive, "check_place", lambda place, overwrite: None)
    with pytest.raises(MachineError, match="directory not empty"):
        save(ds.assign(p=0.5), plan, run)
    assert everything(run.parent) == before


# ---- a machine that fails ----

CALLS = [(os, "fsync"), (Path, "rename"), (Path, "mkdir"), (Path, "open")]


class Fault:
    """Lets `calls` calls through and makes the next one fail."""

    def __init__(self, monkeypatch, owner, name, error, calls):
        self.left, self.error, self.raised = calls, error, False
        whole = getattr(owner, name)

        def call(*args, **kwargs):
            self.left -= 1
            if self.left == -1:
                self.raised = True
                raise self.error
            return whole(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=["full", "stop"]
)
@pytest.mark.parametrize("there", ["nothing", "a run"])
@pytest.mark.parametrize(("owner", "name"), CALLS, ids=[name for _, name in CALLS])
def test_a_save_that_fails_at_any_step_leaves_all_as_it_was(ds, plan, tmp_path, monkeypatch, owner, name, there, error):
    small = ds[["p"]]  # quick to write
    place = tmp_path / ("run" if there == "a run" else "deep/down/run")
    if there == "a run":
        save(small, plan, place)
    before = everything(tmp_path)
    failures = 0
    while True:
        with monkeypatch.context() as patch:
            fault = Fault(patch, owner, name, error, failures)
            try:
                save(small.assign(p=0.5), plan, place, overwrite=True)
            except (MachineError, KeyboardInterrupt) as raised:
                message = str(raised)
        if not fault.raised:
            break
        failures += 1
        assert everything(tmp_path) == before
        if isinstance(error, OSError):
            assert "cannot write the run to" in message
            assert "no space left on device" in message
            assert "free some space there, or choose another folder" in message
    assert failures >= 1 + (there == "a run" and name == "rename")
    assert load_run(place).dataset["p"] == 0.5
    assert not list(tmp_path.rglob(".*"))


def test_a_run_that_was_just_put_aside_has_its_name_back_after_ctrl_c(ds, plan, tmp_path, monkeypatch):
    small = ds[["p"]]
    save(small, plan, tmp_path / "run")
    before = everything(tmp_path)
    whole = Path.rename

    def rename(self, target):
        done = whole(self, target)
        if self.name == "run":
            monkeypatch.undo()
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        save(small.assign(p=0.5), plan, tmp_path / "run", overwrite=True)
    assert everything(tmp_path) == before


def test_where_another_run_came_first_what_was_put_aside_is_not_left_behind(ds, plan, tmp_path, monkeypatch):
    small = ds[["p"]]
    save(small, plan, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "other")
    whole, renames = archive._renamed, []

    def renamed(partial, place, *, again):
        renames.append(place)
        if len(renames) == 2:
            (tmp_path / "other").rename(place)
            again = False
        return whole(partial, place, again=again)

    monkeypatch.setattr(archive, "_renamed", renamed)
    with pytest.raises(MachineError, match="not empty"):
        save(small.assign(p=0.5), plan, tmp_path / "run", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert load_run(tmp_path / "run").dataset["p"] == small["p"]


def test_a_disk_that_fills_up_is_reported_and_cleared(ds, plan, tmp_path):
    """A limit on the size of files stands in for a small disk: the kernel refuses to write on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(MachineError, match=r"cannot write the run to .*: file too large; raise the limit"):
            save(ds, plan, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert everything(tmp_path) == {}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "permission denied; choose a folder that you may write to, or ask for the permission"),
        (errno.EROFS, "read-only file system; choose a folder on a disk that can be written to"),
        (errno.EIO, "input/output error; check the disk, or choose another folder"),
    ],
)
def test_what_the_system_refuses_is_told_in_words(ds, plan, tmp_path, monkeypatch, number, words):
    Fault(monkeypatch, Path, "mkdir", OSError(number, os.strerror(number)), 0)
    with pytest.raises(MachineError, match=f"cannot write the run to .*: {words}") as raised:
        save(ds, plan, tmp_path / "run")
    assert raised.value.exit_code == 3
    assert everything(tmp_path) == {}


def test_a_folder_that_may_not_be_written_to(ds, plan, tmp_path):
    user = os.geteuid()
    tmp_path.chmod(0o500)
    if user == 0:  # who may write everywhere
        os.seteuid(65534)
    try:
        with pytest.raises(MachineError, match="permission denied; choose a folder that you may write to"):
            save(ds, plan, tmp_path / "run")
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o700)
    assert everything(tmp_path) == {}


def test_a_run_that_may_not_be_read(run, monkeypatch):
    Fault(monkeypatch, Path, "read_bytes", PermissionError(errno.EACCES, "Permission denied"), 1)
    with pytest.raises(MachineError, match=r"cannot read the run .*: permission denied"):
        load_run(run)


# ---- another process ----


@pytest.fixture
def replaced_meanwhile(ds, plan, run, monkeypatch):
    """The run is replaced once, when its manifest was read and its files were not."""
    checked, times = archive._checked, iter([True])

    def meanwhile(place, name, entry):
        if next(times, False):
            save(ds.assign(p=0.5), load(TINY), run, overwrite=True)
        return checked(place, name, entry)

    monkeypatch.setattr(archive, "_checked", meanwhile)
    return run


def test_a_run_that_is_replaced_while_it_is_read_is_whole(replaced_meanwhile):
    assert load_run(replaced_meanwhile).dataset["p"] == 0.5


def test_a_plan_that_is_replaced_while_it_is_read_is_that_of_one_run(replaced_meanwhile, plan):
    assert load_plan(replaced_meanwhile).digest_simulated in (plan.digest_simulated, load(TINY).digest_simulated)


@pytest.mark.parametrize(
    "ask", [load_run, load_plan, archive.manifest_of, lambda run: check_place(run, overwrite=True)]
)
def test_a_run_that_is_aside_for_a_moment_is_waited_for(run, monkeypatch, ask):
    aside = run.with_name(f".replaced-01234567.{run.name}")
    run.rename(aside)
    monkeypatch.setattr(archive.time, "sleep", lambda _: aside.rename(run))
    ask(run)


def test_what_stays_away_is_not_waited_for_for_ever(run, monkeypatch):
    monkeypatch.setattr(archive, "_PAUSE_S", 0.0)
    run.rename(run.with_name(f".replaced-01234567.{run.name}"))
    with pytest.raises(SimengineError, match="is not there"):
        load_run(run)


def test_a_link_to_nothing_is_no_run_and_no_fault_of_the_machine(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "run")
    with pytest.raises(SimengineError, match="is not there") as raised:
        load_run(tmp_path / "link")
    assert not isinstance(raised.value, MachineError)


def test_a_machine_without_memory_is_not_a_damaged_run(run, monkeypatch):
    def no_room(*_):
        raise MemoryError

    monkeypatch.setattr(archive, "read", no_room)
    with pytest.raises(MemoryError):
        load_run(run)


def test_damage_is_told_at_once(run, monkeypatch):
    monkeypatch.setattr(archive.time, "sleep", lambda _: pytest.fail("waited"))
    (run / "result.nc").write_bytes(b"")
    with pytest.raises(MachineError, match="damaged"):
        load_run(run)
    with pytest.raises(SimengineError, match="is not there"):
        load_run(run / "deep" / "down")


# ---- the plan of a run ----


def test_the_plan_of_a_run_is_read_with_its_overrides(run, plan):
    found = load_plan(run)
    assert found.digest_simulated == plan.digest_simulated != load(TINY).digest_simulated


def test_a_damaged_plan_is_no_plan(run):
    kept = run / "plan" / "tiny.yaml"
    kept.write_text(kept.read_text() + "\n")
    with pytest.raises(MachineError, match="damaged"):
        load_plan(run)
    with pytest.raises(SimengineError, match="is not there"):
        load_plan(run / "nothing")
