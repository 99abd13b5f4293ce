"""Records of other programs: all formats give the same, and what is wrong is named by its row and column."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
from statfe_cli.main import main

from statfe.attractors.importing import import_data
from statfe.errors import StoreError, UsageError
from tests.hdf5_rules import check_format

RECORD = np.column_stack([0.1 * np.arange(40), np.sin(np.arange(40)), np.cos(np.arange(40)), np.ones(40)])


def _text(tmp_path, line: int | None = None, new: str = "", separator: str = ",") -> str:
    lines = ["# made by hand", separator.join("txyc"), *(separator.join(map(repr, map(float, row))) for row in RECORD)]
    if line is not None:
        lines[line - 1] = new
    (tmp_path / "r.csv").write_text("\n".join(lines))
    return str(tmp_path / "r.csv")


def test_records_of_all_formats_are_the_same(tmp_path):
    np.save(tmp_path / "r.npy", RECORD)
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file["run/positions"] = RECORD
        file["run/other"] = np.arange(3)
    found = [import_data(_text(tmp_path, separator=s), tmp_path / f"o{i}.h5", time="t", columns="x,y")
             for i, s in enumerate(",;\t ")]
    found.append(import_data(tmp_path / "r.npy", tmp_path / "p.h5", step=0.1, columns=[1, 2]))
    found.append(import_data(tmp_path / "r.h5", tmp_path / "q.h5", time=0, columns="1,2", dataset="run/positions"))
    for one in found:
        np.testing.assert_array_equal(one.observations[0], RECORD[:, 1:3])
        assert one.step == pytest.approx(0.1)
        assert one.states is None
    assert (found[0].features, found[-1].features) == (("x", "y"), ("column1", "column2"))
    check_format(tmp_path / "p.h5")
    with pytest.raises(StoreError, match="run/other, run/positions"):
        import_data(tmp_path / "r.h5", tmp_path / "n.h5")


@pytest.mark.parametrize(("line", "new", "options", "words"), [
    (12, "0.9,nan,1,1", {}, r"line 12, column 1 \(x\): nan is not finite"),
    (12, "0.9,1,inf,1", {"columns": "y"}, r"line 12, column 2 \(y\): inf is not finite"),
    (12, "0.9,1", {}, "line 12 has 2 columns, those before have 4"),
    (12, "0.9,abc,1,1", {}, "line 12, column 1: 'abc' is not a number"),
    (12, "0.95,0,1,1", {"time": "t", "columns": "x"}, r"not even: the step after line 11"),
    (None, "", {}, "c does not change; leave it out"), (None, "", {"columns": "v"}, "unknown column 'v'"),
    (None, "", {"columns": "7"}, "no column 7"), (None, "", {"time": "t", "step": 0.1}, "not both"),
    (None, "", {"columns": "x,x"}, "each of them once"), (None, "", {"step": -1.0}, "step must be")])
def test_bad_records_are_named_by_row_and_column(tmp_path, line, new, options, words):
    with pytest.raises(UsageError, match=words):
        import_data(_text(tmp_path, line, new), tmp_path / "o.h5", **options)
    assert not (tmp_path / "o.h5").exists()


def test_files_that_are_no_records_are_refused(tmp_path):
    np.save(tmp_path / "c.npy", RECORD + 1j)
    np.save(tmp_path / "s.npy", RECORD[:20])
    np.save(tmp_path / "t.npy", RECORD[:, :3].T)
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "e.csv").write_text("")
    (tmp_path / "b.csv").write_bytes(bytes(range(128, 256)))
    (tmp_path / "h.csv").write_text("x,y\n")
    for name, words in (("c.npy", "complex128, not real"), ("s.npy", "20 samples; a record of a motion takes 32"),
                        ("t.npy", "transpose it"), ("o.npy", "cannot read"), ("e.csv", "is empty"),
                        ("b.csv", "nor text"), ("h.csv", "no row of numbers"), ("none", "No such file")):
        with pytest.raises(UsageError, match=words):
            import_data(tmp_path / name, tmp_path / "out.h5")
    with pytest.raises(StoreError, match="is the input itself"):
        import_data(shutil.copy(tmp_path / "s.npy", tmp_path / "z.npy"), tmp_path / "z.npy", force=True)


def test_the_command(tmp_path, capsys):
    code = main(["attractors", "import", _text(tmp_path), "--time", "t", "--columns", "x,y", "-o",
                 str(tmp_path / "d.h5")])
    assert (code, "1 records of 40 samples, one every 0.1: x, y" in capsys.readouterr().out) == (0, True)
