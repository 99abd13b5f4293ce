"""Files of simulations: round trips, the rules of the format, and one line for each broken file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from statfe.chains import Chains
from statfe.errors import StoreError, UsageError
from statfe.store.describe import describe
from statfe.store.hdf5 import create_root, new_file
from statfe.store.run_file import DIAGNOSTICS, Run, read_run, write_run
from tests.comparisons_for_tests import free_energy
from tests.hdf5_rules import check_format
from tests.models_for_tests import peaked


def stored_run(folder: Path, *, reference: bool = True) -> tuple[Path, Run]:
    rng = np.random.default_rng(1)
    betas = np.array([0.0, 0.25, 0.5])
    chains = Chains(
        betas=betas, requested=np.array([False, True, True]), energy=rng.normal(size=(2, 7, 3)),
        magnetization=rng.integers(-6, 7, size=(2, 7, 3)), sweeps=np.arange(10, 80, 10),
        swap_acceptance=np.array([0.5, np.nan]), schedule="tempering", sampler="gibbs", seed=2**70, burn_in=5,
        seconds=1.5)
    results = [
        free_energy(-4.0 - b, 0.1, kind="estimate", method=method, beta=b, n_sites=6, model=peaked().spec, draws=7)
        for method in ("mbar", "thermodynamic-integration") for b in (0.25, 0.5)] if reference else []
    diagnostics = {name: rng.normal(size=3) for name in DIAGNOSTICS}
    diagnostics["swap_acceptance"] = np.append(chains.swap_acceptance, np.nan)
    run = Run(peaked(), chains, results, diagnostics, "statfe simulate 'a b' -o run.h5")
    write_run(folder / "run.h5", run)
    return folder / "run.h5", run


def test_run_round_trip(tmp_path):
    path, run = stored_run(tmp_path)
    found = read_run(str(path))
    for name in ("betas", "requested", "energy", "magnetization", "sweeps", "swap_acceptance"):
        np.testing.assert_array_equal(getattr(found.chains, name), getattr(run.chains, name))
    for name in ("schedule", "sampler", "seed", "burn_in", "seconds"):
        assert getattr(found.chains, name) == getattr(run.chains, name)
    assert found.diagnostics.keys() == run.diagnostics.keys()
    for name, values in run.diagnostics.items():
        np.testing.assert_array_equal(found.diagnostics[name], values)
    assert [r.to_dict() for r in found.reference] == [r.to_dict() for r in run.reference]
    assert found.command == run.command
    np.testing.assert_array_equal(found.model.couplings, run.model.couplings)
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]


def test_run_obeys_the_rules_of_the_format(tmp_path):
    path, _ = stored_run(tmp_path)
    assert sorted(check_format(path)) == ["/diagnostics", "/model", "/reference", "/samples"]
    bare = tmp_path / "bare"
    bare.mkdir()
    path, _ = stored_run(bare, reference=False)
    assert "/reference" not in check_format(path)
    assert read_run(path).reference == []


def test_describe(tmp_path):
    path, _ = stored_run(tmp_path)
    found = describe(str(path))
    assert found["attributes"]["statfe_format"] == "statfe-1"
    energy = found["groups"]["/samples"]["energy"]
    assert energy == {
        "dims": ["beta", "chain", "draw"], "shape": [3, 2, 7], "type": "float64", "long_name": "energy E", "units": "1"}
    assert found["groups"]["/reference"]["kind"]["type"] == "text"


# ---- broken files ----

def one_line(path: Path, *, match: str, read=read_run) -> None:
    with pytest.raises(StoreError, match=match) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_and_foreign_files(tmp_path):
    one_line(tmp_path / "none.h5", match="No such file")
    one_line(tmp_path, match="is a folder")
    (tmp_path / "empty.h5").write_bytes(b"")
    one_line(tmp_path / "empty.h5", match="is empty")
    (tmp_path / "text.h5").write_text("not HDF5 at all")
    one_line(tmp_path / "text.h5", match="not an HDF5 file")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["energy"] = np.zeros(3)
    one_line(tmp_path / "foreign.h5", match="not written by statfe")
    for name, mark in (("odd", "statfe-x"), ("number", 1)):
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs["statfe_format"] = mark
        one_line(tmp_path / name, match="not written by statfe")
    with h5py.File(tmp_path / "newer.h5", "w") as file:
        file.attrs["statfe_format"] = "statfe-2"
    one_line(tmp_path / "newer.h5", match="upgrade statfe")


def test_a_file_of_ours_that_is_no_run(tmp_path):
    with new_file(tmp_path / "a.h5") as file:
        create_root(file, "title", "sk:n=8", "", 1, "statfe x")
    one_line(tmp_path / "a.h5", match="has no /model; it has nothing")


@pytest.mark.parametrize(("change", "says"), [
    (lambda f: f.__delitem__("samples/energy"), "samples"),
    (lambda f: f.__delitem__("samples"), "has no /samples"),
    (lambda f: f.attrs.__delitem__("schedule"), "schedule"),
    (lambda f: f.attrs.__setitem__("burn_in", "many"), "many"),
    (lambda f: f["reference"].__delitem__("kind"), "kind"),
    (lambda f: f["reference/kind"].__setitem__((0, 0), "guess"), "guess"),
    (lambda f: f["reference/stats"].__setitem__((0, 0), "{"), "reference"),
    (lambda f: (f["reference"].__delitem__("kind"), f["reference"].__setitem__("kind", [1.0])), "kind|string"),
    (lambda f: (f.__delitem__("reference"), f.__setitem__("reference", [1.0])), "no /reference"),
])
def test_a_run_with_something_wrong_in_it(tmp_path, change, says):
    path, _ = stored_run(tmp_path)
    with h5py.File(path, "r+") as file:
        change(file)
    one_line(path, match=says)


def test_every_truncation_is_one_line(tmp_path):
    path, _ = stored_run(tmp_path)
    image = path.read_bytes()
    for length in np.linspace(1, len(image) - 1, 60).astype(int):
        path.write_bytes(image[:length])
        one_line(path, match="truncated|not an HDF5 file|damaged")


def test_damaged_bytes_never_crash(tmp_path):
    path, _ = stored_run(tmp_path)
    image, rng = path.read_bytes(), np.random.default_rng(1)
    said = []
    for _ in range(150):
        start = int(rng.integers(8, len(image) - 64))
        path.write_bytes(image[:start] + rng.bytes(64) + image[start + 64:])
        try:
            read_run(path)
        except UsageError as error:
            said.append(str(error))
    assert len(said) > 20
    assert "\n" not in "".join(said)
