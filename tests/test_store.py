"""Files that are whole or not there, the types that HDF5 may hold, and one line for each broken file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import h5py
import numpy as np
import pytest

from statfe.errors import StoreError, UsageError
from statfe.store import atomic
from statfe.store.atomic import atomic_write, check_output, make_folder, writing
from statfe.store.free_energies import read_free_energies, write_free_energies
from statfe.store.hdf5 import clean_text, create_root, new_file, write_attributes, write_coordinate, write_variable
from statfe.store.provenance import source_commit, versions
from statfe.store.reading import read_root
from tests.comparisons_for_tests import free_energy


class Named:
    """A path that is neither text nor `pathlib.Path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


# ---- whole files ----

def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_atomic_write_makes_and_replaces(tmp_path):
    atomic_write(tmp_path / "a", b"first")
    atomic_write(Named(tmp_path / "a"), lambda stream: stream.write(b"second"))
    assert (tmp_path / "a").read_bytes() == b"second"
    assert leftovers(tmp_path) == ["a"]


def test_file_mode_follows_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        atomic_write(tmp_path / "a", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_a_crash_in_the_middle_leaves_the_old_file(tmp_path, error):
    (tmp_path / "a").write_bytes(b"old")

    def crash(stream):
        stream.write(b"half")
        stream.flush()
        raise error("stop")

    with pytest.raises(error):
        atomic_write(tmp_path / "a", crash)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert leftovers(tmp_path) == ["a"]


@pytest.mark.parametrize("step", ["fsync", "replace", "open"])
def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path, monkeypatch, step):
    (tmp_path / "a").write_bytes(b"old")

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, step, full)
    with pytest.raises(StoreError, match=r"cannot write .*a: No space left on device"):
        atomic_write(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert leftovers(tmp_path) == ["a"]


def test_the_file_is_complete_and_synced_before_it_takes_its_place(tmp_path, monkeypatch):
    events = []
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(atomic.os, "fsync", lambda handle: (events.append("fsync"), real_sync(handle)))

    def replace(source, target):
        events.append(("replace", Path(source).read_bytes(), Path(source).parent == Path(target).parent))
        real_replace(source, target)

    monkeypatch.setattr(atomic.os, "replace", replace)
    atomic_write(tmp_path / "a", b"whole")
    assert events == ["fsync", ("replace", b"whole", True), "fsync"]


def test_missing_folder(tmp_path):
    with pytest.raises(StoreError, match="No such file or directory"):
        atomic_write(tmp_path / "no" / "a", b"")
    with pytest.raises(StoreError, match="cannot write"), writing(tmp_path / "no" / "a"):
        raise AssertionError("the block must not run")


def test_new_file_writes_nothing_when_the_block_fails(tmp_path):
    def fill():
        with new_file(tmp_path / "a.h5") as file:
            file.create_group("x")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fill()
    assert leftovers(tmp_path) == []


def test_outputs_that_exist_need_force(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    for name in ("a", "dangling"):
        with pytest.raises(StoreError, match=f"{name} exists; use --force"):
            check_output([tmp_path / "b", Named(tmp_path / name)])
        check_output([tmp_path / name], force=True)
    with pytest.raises(StoreError, match="is a folder; name a file"):
        check_output([tmp_path], force=True)


def test_outputs_below_a_file_are_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(StoreError, match="is not a folder"):
        check_output([tmp_path / "a" / "b" / "c"])
    with pytest.raises(StoreError, match="cannot make the folder"):
        make_folder(tmp_path / "a" / "b")
    make_folder(Named(tmp_path / "new"))
    make_folder(tmp_path / "new")


def test_one_folder_may_be_missing_where_it_is_going_to_be_made(tmp_path):
    new = tmp_path / "new"
    check_output([new / "c"], new_folder=new)
    for paths, folder in (([new / "c"], None), ([new / "folder" / "c"], new / "folder"), ([new / "f" / "c"], new)):
        with pytest.raises(StoreError, match="make it first"):
            check_output(paths, new_folder=folder)
    with pytest.raises(StoreError, match="cannot make the folder"):
        make_folder(new / "folder")


def test_inputs_are_refused_as_outputs_whatever_the_force(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"")
    check_output([tmp_path / "a", tmp_path / "new"], force=True, inputs=[tmp_path / "b", tmp_path / "gone"])
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for path in ("a", "link"):
        with pytest.raises(StoreError, match="is the input itself"):
            check_output([tmp_path / path], force=True, inputs=[tmp_path / "b", tmp_path / "a"])


def test_unwritable_folder(tmp_path, monkeypatch):
    # The super-user may write anywhere, so the system's answer is given by hand.
    monkeypatch.setattr(atomic.os, "access", lambda folder, mode: False)
    with pytest.raises(StoreError, match=f"no permission to write in {tmp_path}"):
        check_output([tmp_path / "a"])


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may write anywhere")
def test_unwritable_folder_on_disk(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="no permission"):
        check_output([tmp_path / "a"])
    with pytest.raises(StoreError, match="Permission denied"):
        atomic_write(tmp_path / "a", b"")


# ---- types ----

@pytest.fixture
def group():
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        yield file.create_group("leaf")


@pytest.mark.parametrize("values", [
    np.zeros(3, np.float16), np.zeros(3, np.complex128), np.zeros(3, np.longdouble), np.array([1, "a", None], object),
    np.array(["2020-01-01"] * 3, "M8[D]"), np.array([b"a"] * 3)])
def test_types_that_netcdf_lacks_are_refused(group, values):
    write_coordinate(group, "x", np.arange(3), "1", "place")
    with pytest.raises(TypeError):
        write_variable(group, "v", values, ("x",), "1", "value")
    assert "v" not in group


def test_types_that_are_kept(group):
    write_coordinate(group, "x", ["a", "β", ""], "1", "place")
    for values in (np.array([1, 0, 1], bool), np.array([-1, 1, -1], np.int8), np.arange(3, dtype=np.float32),
                   np.array([2**63, 1, 2], np.uint64), np.array(["a", "\0", "\udc80"], object)):
        dataset = write_variable(group, f"v{len(group)}", values, ("x",), "1", "value")
        assert dataset.dtype != bool
    assert group["v1"].dtype == np.int8
    assert list(group["v5"].asstr()) == ["a", "\\0", "\\udc80"]
    assert list(group["x"].asstr()) == ["a", "β", ""]


def test_variables_need_their_coordinates(group):
    with pytest.raises(ValueError, match="write the coordinate 'x'"):
        write_variable(group, "v", np.zeros(3), ("x",), "1", "value")
    write_coordinate(group, "x", np.arange(3), "1", "place")
    with pytest.raises(ValueError, match="has length 2, its coordinate 3"):
        write_variable(group, "v", np.zeros(2), ("x",), "1", "value")
    with pytest.raises(ValueError, match="2 axes"):
        write_variable(group, "v", np.zeros((3, 3)), ("x",), "1", "value")
    with pytest.raises(ValueError, match="must be flat"):
        write_coordinate(group, "y", np.zeros((2, 2)), "1", "place")
    with pytest.raises(UsageError, match="written twice"):
        write_coordinate(group, "x", np.arange(3), "1", "place")


def test_attributes(group):
    write_attributes(group, yes=True, none=None, big=2**80, text="β\0", number=0.5, many=[1, 2], words=["a", "b"])
    assert dict(group.attrs).keys() == {"yes", "big", "text", "number", "many", "words"}
    assert (group.attrs["yes"], group.attrs["yes"].dtype) == (1, np.int8)
    assert (group.attrs["big"], group.attrs["text"]) == (str(2**80), "β\\0")
    for bad in (1j, object(), np.float16(1), np.complex64(1)):
        with pytest.raises(TypeError, match="no place in netCDF"):
            write_attributes(group, bad=bad)
    assert clean_text("a\udcffb") == "a\\udcffb"


# ---- free energies ----

def test_free_energies_round_trip(group):
    results = [
        free_energy(-1.0, 0.5, kind="estimate", method="b", beta=0.1, n_sites=3, tau=1.5, text="é", bad=float("nan")),
        free_energy(float("nan"), method="b", beta=0.2, n_sites=3, status="diverged"),
        free_energy(-2.0, kind="lower_bound", method="a", beta=0.2, n_sites=3, status="not_converged")]
    write_free_energies(group, results, [0.1, 0.2])
    found = read_free_energies(group, results[0].model, 3)
    assert [r.to_dict() for r in found] == [r.to_dict() for r in results]
    assert np.isnan(group["beta_f"][1, 0])
    assert group["kind"].asstr()[1, 0] == ""


def test_free_energies_outside_the_grid_or_twice_are_refused(group):
    with pytest.raises(ValueError, match="outside the grid"):
        write_free_energies(group, [free_energy(-1.0, beta=0.3)], [0.1])
    with pytest.raises(ValueError, match="given twice"):
        write_free_energies(group, [free_energy(-1.0, beta=0.1)] * 2, [0.1])


# ---- root attributes ----

def test_root_attributes(tmp_path):
    with new_file(tmp_path / "a.h5") as file:
        create_root(file, "title", "sk:n=8", "", None, "statfe x", extra=3, nothing=None)
    found = read_root(Named(tmp_path / "a.h5"))
    assert found["sampler"] == "none"
    assert found["extra"] == 3
    assert not {"seed", "nothing"} & set(found)
    assert found["numpy_version"] == versions()["numpy"] == np.__version__
    assert found.get("source_commit", "") == source_commit()
    assert found["created"].endswith("Z")
