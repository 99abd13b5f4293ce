"""Models in text and HDF5: what is written is read, in both conventions, and bad files get one clear line."""

from __future__ import annotations

import io
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from statfe.errors import ModelError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.models.model_file import read_path, write_model
from statfe.registry import run_method
from tests.models_for_tests import disconnected, peaked
from tests.naive.ising import energies

ROUND_TRIP = (
    "ising:shape=4x3,field=0.5", "ea:shape=2x2x3,couplings=gaussian", "triangular:shape=4x3", "sk:n=6", "ising:shape=1",
    "rbm:visible=4,hidden=3,visible_bias=0.5", "random-regular:n=8,field=-1", "erdos-renyi:n=9,mean_degree=0")


def text(path: Path, content: str) -> IsingModel:
    path.write_text(content, encoding="utf-8")
    return build_model(f"file:{path}")


def hdf5(path: Path, model: IsingModel) -> Path:
    with h5py.File(path, "w") as file:
        write_model(file.create_group("model"), model)
    return path


def assert_same(a: IsingModel, b: IsingModel) -> None:
    for name in ("n_sites", "offset", "lattice"):
        assert getattr(a, name) == getattr(b, name)
    for name in ("rows", "cols", "couplings", "fields", "indptr", "indices", "weights"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name


def test_text(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"a\.txt: 1 pairs are listed in both orders"):
        model = text(tmp_path / "a.txt", """# a comment
            0 1 0.5     # a coupling
            1 0 0.5
            2 1 -1e-1

            0\t0  0.25
            3 3 -2
            0 0 0.5
            """)
    assert model.n_sites == 4
    assert model.adjacency.toarray()[0, 1] == 1.0
    assert model.adjacency.toarray()[1, 2] == -0.1
    assert model.fields.tolist() == [0.75, 0.0, 0.0, -2.0]
    assert model.spec == f"file:{tmp_path / 'a.txt'}"


@pytest.mark.filterwarnings("error")
def test_repeated_pairs_in_one_order_add_up_without_a_word(tmp_path: Path) -> None:
    model = text(tmp_path / "a", "0 1 0.5\n1 2 1\n0 1 0.25\n")
    assert model.pairs[2].tolist() == [0.75, 1.0]


@pytest.mark.parametrize("content", [
    "\ufeff0 1 1\n", "0 1 1", "0 1 1\r\n", "0 1 1\r", "\n\n0 1 +1.0\n# end", "  0   1   1e0  \n", "+0 1 1\n"])
def test_forms_of_text(content: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content.encode("utf-8"))
    model = read_path(tmp_path / "a")
    assert (model.n_sites, model.couplings.tolist()) == (2, [1.0])


def test_fields_alone_are_a_model(tmp_path: Path) -> None:
    model = text(tmp_path / "a", "2 2 0.5\n")
    assert (model.n_sites, model.n_bonds, model.fields.tolist()) == (3, 0, [0.0, 0.0, 0.5])


def test_text_round_trip_of_random_numbers(tmp_path: Path) -> None:
    model = peaked(9)
    lines = [f"{i} {j} {J!r}" for i, j, J in zip(
        model.rows.tolist(), model.cols.tolist(), model.couplings.tolist(), strict=True)]
    lines += [f"{i} {i} {h!r}" for i, h in enumerate(model.fields.tolist())]
    assert_same(text(tmp_path / "a", "\n".join(lines)), model)


@pytest.mark.parametrize("kind", ["text", "hdf5"])
def test_both_conventions(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a,b=c.model"
    if kind == "text":
        path.write_text("0 1 0.7\n1 2 -0.4\n2 2 0.3\n")
    else:
        hdf5(path, IsingModel.from_edges(3, [0, 1], [1, 2], [0.7, -0.4], [0.0, 0.0, 0.3]))
    path = path.rename(tmp_path / "a, b.model")  # commas and blanks in a path are no options
    minus, plain, plus = (build_model(f"file:{path}{end}") for end in (",convention=minus", "", ",convention=plus"))
    s = np.array([[1, 1, 1], [1, -1, 1], [-1, -1, 1], [1, 1, -1]])
    sums = 0.7 * s[:, 0] * s[:, 1] - 0.4 * s[:, 1] * s[:, 2] + 0.3 * s[:, 2]
    assert minus.energy(s) == pytest.approx(-sums)
    assert plus.energy(s) == pytest.approx(sums)
    assert minus.spec == f"file:{path},convention=minus"
    assert plain.spec == f"file:{path}"
    assert plus.spec == f"file:{path},convention=plus"
    beta = np.array([0.8])
    assert run_method(plus, beta, "exact")[0].beta_f == pytest.approx(
        -np.logaddexp.reduce(-0.8 * energies(plus)), rel=1e-14)


@pytest.mark.parametrize("spec", ROUND_TRIP)
def test_hdf5_round_trip(spec: str, tmp_path: Path) -> None:
    model = build_model(spec)
    again = read_path(hdf5(tmp_path / "m.h5", model))
    assert_same(again, model)
    assert again.spec == spec


def test_hdf5_round_trip_of_odd_models(tmp_path: Path) -> None:
    for k, model in enumerate((disconnected(), IsingModel.from_edges(2, [0, 0], [1, 1], [1.0, -1.0], offset=-3.5))):
        assert_same(read_path(hdf5(tmp_path / f"{k}.h5", model)), model)


def test_plus_keeps_the_constant(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "m.h5", IsingModel.from_edges(2, [0], [1], [1.0], [0.5, 0.0], offset=-3.5))
    plus = build_model(f"file:{path},convention=plus")
    assert (plus.offset, plus.couplings.tolist(), plus.fields.tolist()) == (-3.5, [-1.0], [-0.5, 0.0])


def test_a_lattice_read_back_is_still_one(tmp_path: Path) -> None:
    model = build_model(f"file:{hdf5(tmp_path / 'm.h5', build_model('ising:shape=6x5'))}")
    result = run_method(model, np.array([0.44]), "kaufman")[0]
    assert result.beta_f == run_method(build_model("ising:shape=6x5"), np.array([0.44]), "kaufman")[0].beta_f


def test_h5py_alone_writes_a_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        group = file.create_group("model")
        group["row"], group["col"] = np.array([2, 1], np.uint8), [0, 0]
        group["coupling"], group["field"] = np.array([1, -1], np.int16), np.array([0.5, 0, 0], np.float32)
    model = read_path(tmp_path / "m.h5")
    assert model.rows.tolist() == [0, 0]
    assert model.couplings.tolist() == [1.0, -1.0]
    assert model.fields.tolist() == [0.5, 0.0, 0.0]


def test_hdf5_with_a_user_block_is_told_apart(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m", "w", userblock_size=1024) as file:
        write_model(file.create_group("model"), disconnected())
    assert_same(read_path(tmp_path / "m"), disconnected())


def refused(path: Path, words: str) -> str:
    with pytest.raises(ModelError, match=words) as error:
        build_model(f"file:{path}")
    message = str(error.value)
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 300 + len(str(path))
    assert str(path) in message
    return message


@pytest.mark.parametrize(("content", "words"), [
    ("", "holds no couplings"), ("# nothing\n\n", "holds no couplings"), ("0 1\n", "line 1: expected 3 columns"),
    ("0 1 1\n0 1 1 1\n", "line 2: expected 3 columns"), ("0 1 1\n\n# x\n0 1\n", "line 4"),
    ("0,1,1\n", "separated by blanks"), ("0 1 x\n", "line 1: 'x' is not a number"), ("0 1 nan\n", "coupling is 'nan'"),
    ("0 1 1\n0 1 inf\n", "line 2: the coupling is 'inf'"), ("1 1 -inf\n", "field is '-inf'"),
    ("0 1 1e999\n", "must be finite"), ("0.5 1 1\n", "site '0.5' is not an integer"),
    ("0 1 1\n0 1.0 1\n", "line 2: site '1.0' is not an integer"), ("1e1 0 1\n", "is not an integer"),
    ("-1 0 1\n", "site '-1' is negative"), ("0 1_0 1\n", "not an integer"), ("0 1 1_0\n", "is not a number"),
    ("nan 1 1\n", "is not an integer"), ("0 99999999999999999999999 1\n", "too large"),
    ("0 2147483647 1\n", "too large"),
    ("0 2000000000 1\n", "too large"), ("0 1 1\n1 0 2\n", r"asymmetric.*J\[0,1\] = 1"), ("i j J\n", "line 1: site 'i'"),
    ("0 1 1+2j\n", "is not a number"), ("0 1 1e308\n0 1 1e308\n", "infinite"),
    ("a" * 5000 + " 1 1\n", "is not an integer"),
    ("0 1 1e308\n" * 1 + "0 0 1e308\n0 0 1e308\n", "field 0 is inf"), ("\x1b[31m 1 1\n", "is not an integer"),
])
def test_bad_text(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(content, encoding="utf-8")
    refused(path, words)


def test_bad_line_far_down_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{i} {i + 1} 1\n" for i in range(60_000)) + "1 2 three\n")
    refused(path, "line 60001: 'three'")


@pytest.mark.parametrize("seed", range(12))
def test_garbage(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    content = rng.integers(0, 256 if seed % 2 else 128, size=30_000, dtype=np.uint8).tobytes()
    if seed > 8:  # text first, so that the end is met late
        content = b"0 1 1\n" * 20_000 + content
    path = tmp_path / ("a.gz" if seed == 3 else "a.bin")
    path.write_bytes(content)
    refused(path, "neither text nor HDF5|line|cannot read|holds no couplings")


def test_files_that_are_none(tmp_path: Path) -> None:
    refused(tmp_path / "missing.txt", "no such file")
    refused(tmp_path, "is a folder")
    refused(tmp_path / "missing" / "a.txt", "no such file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "cannot read|no such file")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a regular file")
    with pytest.raises(ModelError, match=r"cannot read|no such file"):
        build_model("file:" + "x" * 5000)
    closed = tmp_path / "closed.txt"
    closed.write_text("0 1 1\n")
    closed.chmod(0)
    if not os.access(closed, os.R_OK):  # root reads everything
        refused(closed, "Permission denied")


@pytest.mark.parametrize("name", ["a\0b", "\udcff.txt"])
def test_odd_names(name: str) -> None:
    with pytest.raises(ModelError) as error:
        build_model(f"file:{name}")
    assert "\n" not in str(error.value)


def test_every_truncation_of_hdf5_is_refused(tmp_path: Path) -> None:
    whole = hdf5(tmp_path / "m.h5", build_model("ea:shape=12x12")).read_bytes()
    path = tmp_path / "cut.h5"
    for length in np.linspace(8, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:length])
        refused(path, "cannot be read as HDF5|no group|has no array|neither text")


def test_every_damaged_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    model = build_model("ea:shape=6x6,couplings=gaussian")
    whole = hdf5(tmp_path / "m.h5", model).read_bytes()
    rng, path, messages = np.random.default_rng(1), tmp_path / "bad.h5", []
    for place in rng.integers(0, len(whole), size=150):
        content = bytearray(whole)
        content[place] ^= 0xFF
        path.write_bytes(content)
        try:
            build_model(f"file:{path}")
        except ModelError as error:
            messages.append(str(error))
    assert messages
    assert all(str(path) in message and "\n" not in message for message in messages)


def edited(path: Path, **arrays: object) -> Path:
    """A model of three spins with some arrays replaced; None leaves one out."""
    whole = {"row": [0, 1], "col": [1, 2], "coupling": [1.0, 2.0], "field": [0.0, 0.0, 0.0], **arrays}
    with h5py.File(path, "w") as file:
        group = file.create_group("model")
        for name, values in whole.items():
            if values is not None:
                group[name] = values
    return path


@pytest.mark.parametrize(("arrays", "words"), [
    ({"row": None}, "no array 'row'"), ({"field": None}, "no array 'field'"), ({"coupling": 1.0}, "one dimension"),
    ({"row": [[0, 1]]}, "one dimension"), ({"row": [0.0, 1.0]}, "must hold integers"),
    ({"row": [0, 1, 2]}, "expected 2"),
    ({"col": [1]}, "expected 2"), ({"coupling": ["a", "b"]}, "must hold real numbers"),
    ({"row": [-1, 1]}, "outside 0..2"),
    ({"coupling": [1.0, np.nan]}, "coupling 1 is nan"), ({"field": [0.0, np.inf, 0.0]}, "field 1 is inf"),
    ({"col": [1, 3]}, "outside 0..2"), ({"col": [0, 2]}, "couples site 0 to itself"),
    ({"field": []}, "at least one spin"),
    ({"col": np.array([1, 2**63], np.uint64)}, "outside"), ({"coupling": [1j, 2j]}, "must hold real numbers"),
    ({"row": [0, 1], "col": [1, 0]}, "asymmetric"), ({"row": h5py.Empty("i4")}, "one dimension"),
])
def test_bad_arrays(arrays: dict[str, object], words: str, tmp_path: Path) -> None:
    refused(edited(tmp_path / "m.h5", **arrays), words)


@pytest.mark.parametrize(("attributes", "words"), [
    ({"energy_offset": "many"}, "not a number"), ({"energy_offset": np.nan}, "offset must be finite"),
    ({"lattice_shape": "2x2", "lattice_periodic": 1}, "bonds are not those"), ({"lattice_shape": "ax2"}, "cannot read"),
    ({"lattice_shape": "3"}, "lattice_periodic"), ({"lattice_shape": "0x3", "lattice_periodic": 1}, "at least 1"),
    ({"lattice_shape": "3", "lattice_periodic": 0, "lattice_kind": "kagome"}, "unknown lattice kind"),
    ({"energy_offset": [1.0, 2.0]}, "not a number"),
])
def test_bad_attributes(attributes: dict[str, object], words: str, tmp_path: Path) -> None:
    path = edited(tmp_path / "m.h5")
    with h5py.File(path, "a") as file:
        file["model"].attrs.update(attributes)
    refused(path, words)


def test_hdf5_without_a_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["model"] = 3
    refused(tmp_path / "m.h5", "no group /model")
    with h5py.File(tmp_path / "n.h5", "w"):
        pass
    refused(tmp_path / "n.h5", "no group /model")


def test_a_large_text_file_is_read_fast(tmp_path: Path) -> None:
    n = 200_000
    buffer = io.StringIO()
    np.savetxt(buffer, np.column_stack([np.arange(n), np.arange(n) + 1]), fmt="%d %d 0.5")
    model = text(tmp_path / "a", buffer.getvalue())
    assert (model.n_sites, model.n_bonds) == (n + 1, n)
