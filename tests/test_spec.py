"""The grammar of specs and grids: what reads, what reads back the same, and what is refused how."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statfe.errors import SpecError
from statfe.models.catalogue import families
from statfe.registry import methods
from statfe.spec import MAX_GRID, Option, Spec, check_options, parse_grid, split_spec

OPTIONS = (
    Option("shape", "shape", minimum=1), Option("n", "int", 5, minimum=0, maximum=10**6),
    Option("x", "float", 0.5), Option("word", "str", "plain"), Option("kind", "str", "a", choices=("a", "bb", "ccc")),
    Option("extra", "float", optional=True),
)
#: Draws may be slow on a busy machine, which says nothing of the specs.
SLOW_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FILE = (Option("path", "path"), Option("convention", "str", "minus", choices=("minus", "plus")))


def options(text: str) -> dict[str, Any]:
    name, raw = split_spec(text)
    return dict(check_options(name, raw, OPTIONS).options)


def test_types_and_defaults() -> None:
    assert options("m:shape=4x3x2") == {
        "shape": (4, 3, 2), "n": 5, "x": 0.5, "word": "plain", "kind": "a", "extra": None}
    assert options("m:shape=8,n=12,x=-1e-3,word=b-c.d,kind=bb,extra=2") == {
        "shape": (8,), "n": 12, "x": -1e-3, "word": "b-c.d", "kind": "bb", "extra": 2.0}
    assert split_spec("name") == ("name", {})
    assert split_spec("  name : a = 1 , b = x=y ") == ("name", {"a": "1", "b": "x=y"})


def test_python_values_are_options_too() -> None:
    found = check_options("m", {"shape": np.array([4, 3]), "n": np.int64(7), "x": np.float32(0.25)}, OPTIONS)
    assert found.options["shape"] == (4, 3)
    assert (found.options["n"], found.options["x"]) == (7, 0.25)
    assert str(found) == "m:shape=4x3,n=7,x=0.25"
    assert check_options("m", {"shape": 6}, OPTIONS).options["shape"] == (6,)


@pytest.mark.parametrize(("text", "words"), [
    ("m:shape=4x4,shap=3", "unknown option 'shap'; did you mean 'shape'"),
    ("m:shape=4x4,knid=a", "did you mean 'kind'"),
    ("m:shape=4x4,zzzzzz=1", "known: "), ("m", "shape is required"), ("m:shape=", "write key=value"),
    ("m:=4", "write key=value"), ("m:shape", "write key=value"), ("m:shape=4,,n=3", "write key=value"),
    ("m:shape=4,n=3,n=4", "given twice"), ("m:shape=4,n=3.5", "not an integer"), ("m:shape=4,n=x", "not an integer"),
    ("m:shape=4,n=-1", "at least 0"), ("m:shape=4,n=" + "9" * 400, "at most 1000000"),
    ("m:shape=4,x=y", "not a number"),
    ("m:shape=4,x=nan", "must be finite"), ("m:shape=4,x=inf", "must be finite"),
    ("m:shape=4,x=1e999", "must be finite"),
    ("m:shape=4x", "not a shape"), ("m:shape=4xx4", "not a shape"), ("m:shape=0", "at least 1"),
    ("m:shape=4x-1", "at least 1"), ("m:shape=4,kind=bbb", "did you mean 'bb'"), ("", "empty spec"),
    ("   ", "empty spec"),
])
def test_refusals(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as error:
        options(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [True, None, 2.5, [1], "3 4"])
def test_python_values_of_the_wrong_type(value: object) -> None:
    if value is None:  # stands for the default
        assert check_options("m", {"shape": 4, "n": None}, OPTIONS).options["n"] == 5
        return
    with pytest.raises(SpecError, match="not an integer"):
        check_options("m", {"shape": 4, "n": value}, OPTIONS)


def test_no_options_at_all() -> None:
    with pytest.raises(SpecError, match="takes no options"):
        check_options("m", {"a": "1"}, ())


@SLOW_MACHINE
@given(
    shape=st.lists(st.integers(1, 10**6), min_size=1, max_size=5), n=st.integers(0, 10**6),
    x=st.floats(allow_nan=False, allow_infinity=False), kind=st.sampled_from(["a", "bb", "ccc"]),
    word=st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"], exclude_characters=","), min_size=1),
    extra=st.none() | st.floats(-1e300, 1e300))
def test_a_spec_reads_back_the_same(**values: Any) -> None:
    spec = check_options("model", values, OPTIONS)
    name, raw = split_spec(str(spec))
    again = check_options(name, raw, OPTIONS)
    assert again == spec
    assert str(again) == str(spec)


@pytest.mark.parametrize("text", ["m:shape=4x4,n=5", "m:n=05,shape=4", "m:shape=4,x=1.50,kind=a"])
def test_a_spec_is_kept_as_it_was_given(text: str) -> None:
    name, raw = split_spec(text)
    assert str(check_options(name, raw, OPTIONS)) == text


@SLOW_MACHINE
@given(
    path=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(
        lambda text: text == text.strip()),
    convention=st.sampled_from(["minus", "plus"]))
def test_paths_read_back_the_same(path: str, convention: str) -> None:
    last = path.rpartition(",")[2]
    spec = str(Spec("file", given={"path": path, "convention": convention}))
    name, raw = split_spec(spec, positional=True)
    if "," in path and "=" in last:
        return  # a tail that looks like an option is taken for one, and said
    assert (name, raw) == ("file", {"path": path, "convention": convention})


@pytest.mark.parametrize(("text", "path", "rest"), [
    ("file:a.txt", "a.txt", {}), ("file:/x/y.txt,convention=plus", "/x/y.txt", {"convention": "plus"}),
    ("file:C:/a b.txt", "C:/a b.txt", {}), ("file:a,b.txt", "a,b.txt", {}), ("file:a=b.txt", "a=b.txt", {}),
    ("file:a,b=c,d.txt,convention=minus", "a,b=c,d.txt", {"convention": "minus"}),
])
def test_paths(text: str, path: str, rest: dict[str, str]) -> None:
    assert split_spec(text, positional=True) == ("file", {"path": path, **rest})


def test_path_options() -> None:
    spec = check_options("file", {"path": Path("a/b.txt")}, FILE)
    assert str(spec) == "file:a/b.txt"
    with pytest.raises(SpecError, match="path is required"):
        check_options("file", split_spec("file:", positional=True)[1], FILE)
    with pytest.raises(SpecError, match="did you mean 'convention'"):
        check_options("file", split_spec("file:a.txt,convntion=plus", positional=True)[1], FILE)


@pytest.mark.parametrize(("text", "wanted"), [
    ("0.1:1.0:10", np.linspace(0.1, 1.0, 10)), ("0.2,0.44,1", [0.2, 0.44, 1.0]), ("0.5", [0.5]), ("1:0:3", [1, 0.5, 0]),
    ("0:1:1", [0.0]), ("-1:1:3", [-1, 0, 1]), (" 0.2 , 0.3 ", [0.2, 0.3]), ("1e-3:1e-1:2", [1e-3, 1e-1]), (0.3, [0.3]),
    ([0.1, 0.2], [0.1, 0.2]), (np.float64(2), [2.0]), (np.arange(3), [0, 1, 2]), ((1,), [1.0]),
])
def test_grids(text: Any, wanted: Any) -> None:
    grid = parse_grid(text)
    assert grid.dtype == np.float64
    assert grid.tolist() == np.asarray(wanted, dtype=float).tolist()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", [
    "", "a", "0.1:1.0", "0.1:1.0:0", "0.1:1.0:-3", "0.1:1.0:2.5", "0:1:2:3", "0.1,,0.2", "0.1,", "nan", "inf",
    "0:inf:3", "nan:1:3", "-1e308:1e308:3", f"0:1:{MAX_GRID + 1}", [], None, "0.1;0.2", [math.nan], object(), 1j,
    np.zeros(MAX_GRID + 1), "0.1:0.2:3,0.5",
])
def test_bad_grids(text: Any) -> None:
    with pytest.raises(SpecError, match="beta grid") as error:
        parse_grid(text)
    assert "\n" not in str(error.value)


def test_ends_of_a_grid_are_exact() -> None:
    grid = parse_grid("0.1:0.7:7")
    assert (grid[0], grid[-1]) == (0.1, 0.7)


def test_every_option_of_the_house_is_described() -> None:
    for owner in (*families().values(), *methods().values()):
        names = [o.name for o in owner.options]
        assert len(set(names)) == len(names), owner.name
        for option in owner.options:
            assert option.doc, f"{owner.name}: {option.name}"
            assert option.to_dict()["required"] == (option.default is None and not option.optional)
            if option.default is not None:
                assert option.parse(str(option.default), owner.name) == option.default
