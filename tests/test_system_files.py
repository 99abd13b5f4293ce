"""Systems from a user's file: formulas and functions become laws, and bad files get one clear line."""

from __future__ import annotations

import ast
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from statfe.errors import SpecError, UsageError
from statfe.kernels.user_laws import compile_error
from statfe.systems.catalogue import build_system
from statfe.systems.expressions import derivative, places, read, written
from statfe.systems.system import System

LORENZ = """
title = "three modes"
start = [1, 1, 20]
box = [[-20, 20], [-25, 25], [0, 50]]
bound = 1e4
dt = 0.005

[equations]
x = "sigma * (y - x)"
y = "x * (rho - z) - y"  # heat
z = "x * y - beta * z"

[parameters]
sigma = 10
rho = 28.0
beta = 2.6666666666666665
"""
PENDULUM = '''
import math
import numba

parameters = {"g": 2.0, "length": 0.5}
coordinates = ["angle", "momentum"]
start = [1.0, 0.0]
angles = ["angle"]
momenta = ["momentum"]
period = 3.0

@numba.njit
def pull(angle, p):
    return -p[0] / p[1] * math.sin(angle)

@numba.njit
def rhs(t, x, p, out):
    out[0] = x[1]
    out[1] = pull(x[0], p)

def conserved(x, p):
    return 0.5 * x[1] ** 2 - p[0] / p[1] * math.cos(x[0])
'''


def system(here: Path, text: str, name: str = "my.toml", options: str = "") -> System:
    (here / name).write_text(text, encoding="utf-8")
    return build_system(f"file:{name}{options}")


def message(here: Path, text: str, name: str = "my.toml", options: str = "") -> str:
    with pytest.raises(UsageError) as caught:
        system(here, text, name, options)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(name)
    return said


def test_formulas_are_the_system_they_say(here):
    mine, known = system(here, LORENZ, options=",rho=35"), build_system("lorenz63:rho=35")
    assert (mine.name, mine.title, mine.spec) == ("my", "three modes", "file:my.toml,rho=35")
    assert mine.coordinates == ("x", "y", "z")
    assert dict(mine.parameters) == dict(known.parameters)
    assert (mine.dt, mine.period, mine.bound) == (0.005, 0.5, 1e4)
    assert mine.start.tolist() == [1, 1, 20]
    for x in (mine.start, np.array([-3.0, 2.5, 11.0])):
        assert mine.velocity(x) == pytest.approx(known.velocity(x), rel=1e-14)
        assert mine.jacobian_at(x) == pytest.approx(known.jacobian_at(x), rel=1e-14)
    assert build_system("file:my.toml").parameters["rho"] == 28.0  # the file itself is as it was


FORMULAS = (
    "a*x**3 - 2*x*y + 7", "x/y", "(x + a)/(y*y + x)", "x**y", "2**x", "x**-2", "x**0.5*y", "-(-x)*+y", "sin(x*y)",
    "cos(x)**2", "tan(x/2)", "arcsin(x/3)", "arccos(y/5)", "arctan(x*y)", "sinh(x)*cosh(y)", "tanh(a*x)", "exp(-x*x/2)",
    "log(x + y)", "sqrt(x*x + y*y)", "abs(x - y)", "pi*x + e*y", "a", "x - (y - (x - y))", "x/(y/x)", "a**x**y",
    "sign(x)*y", "1e-3*x", "x*0 + y", "exp(sin(log(x*y + 2)))**3")


@pytest.mark.parametrize("text", FORMULAS)
def test_derivatives_are_those_of_differences(text):
    where = places(["x", "y"], ["a"])
    node = read(text, ["x", "y", "a"])

    def value(formula: ast.expr, x: np.ndarray) -> float:
        return float(eval(written(formula, where), {"np": np, "x": x, "p": np.array([0.7])}))

    truth = {"x": 1.3, "y": 2.1, "a": 0.7, **{f: getattr(np, f) for f in ("sin", "cos", "tan", "arcsin", "arccos",
             "arctan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "abs", "sign")}, "pi": math.pi, "e": math.e}
    at = np.array([1.3, 2.1])
    assert value(node, at) == pytest.approx(eval(text, truth), rel=1e-13)
    for k, name in enumerate(("x", "y")):
        h = 1e-3 * np.eye(2)[k]
        slope = sum(w * (value(node, at + m * h) - value(node, at - m * h)) / 1e-3
                    for m, w in ((1, 0.75), (2, -0.15), (3, 1 / 60)))
        assert value(derivative(node, name), at) == pytest.approx(slope, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("text", [
    "__import__('os')", "x.__class__", "(lambda: 1)()", "[x]", "x if x else y", "x < y", "x and y", "sin", "sin(x, y)",
    "sin(x=1)", "open(x)", "'x'", "x @ y", "x // y", "x % y", "~x", "not x", "1j", "True", "x[0]", "(y := x)", "f'{x}'",
    "...", "x; y", "x =", "", "np.sin(x)", "eval(x)", "*x", "x, y", "t", "9" * 400, "1e999",
    "(" * 300 + "x" + ")" * 300,
    "+x" * 2400, "x\0", "x" * 6000])
def test_nothing_else_is_a_formula(text):
    with pytest.raises(SpecError) as caught:
        read(text, ["x", "y"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "says"), [
    ('[equations]\nx = "a*x"', "line 2: equations.x: unknown name 'a'"),
    ('[parameters]\nsigma = 1\n[equations]\nx = "sigm*x"', "line 4: .*'sigm'; did you mean 'sigma'"),
    ('[equations]\nx = "y^2"\ny = "x"', r"line 2: .*write \*\* for a power"),
    ('[equations]\nx = "sinn(x)"', "unknown function 'sinn'; did you mean 'sin'"),
    ('[equations]\nx = "cos(t)"', "make the phase of a force a coordinate"),
    ('[equations]\nx = "2*x +"', "line 2: .*is not a formula"),
    ('[equations]\nx = x', r"line 2, column 5.*quotes"), ('[equations]\nx = true', "line 2: .*in quotes"),
    ('[equations]\nx = "1/(x-0.1)"', "law of x gives inf at the start, x = 0.1"),
    ('[equations]\nx = "log(-1-x**2)"', "law of x gives nan at the start"),
    ('[equations]\nx = "1/0*x"', "ZeroDivisionError"), ('[equations]\nx = "9**9**9*x"', "OverflowError"),
    ('[equation]\nx = "x"', "unknown entry 'equation'; did you mean 'equations'"), ("", "no \\[equations\\]"),
    ('start = [1, 2]\n[equations]\nx = "x"', r"start has shape \(2,\); write 1 numbers"),
    ('start = ["a"]\n[equations]\nx = "x"', "start must be a list of numbers"),
    ('start = [nan]\n[equations]\nx = "x"', "not finite"),
    ('box = [[1, 0]]\n[equations]\nx = "x"', "lower corner of x is above"),
    ('box = [0, 1]\n[equations]\nx = "x"', "1 pairs"), ('dt = -1\n[equations]\nx = "x"', "dt = -1 must be above 0"),
    ('dt = "a"\n[equations]\nx = "x"', "is not a number"), ('transient = -1\n[equations]\nx = "x"', "0 or more"),
    ('kind = "flows"\n[equations]\nx = "x"', '"flow" or "map"'), ('bond = 1\n[equations]\nx = "x"', "mean 'bound'"),
    ('angles = ["y"]\n[equations]\nx = "x"', "unknown coordinate 'y'"),
    ('[equations]\nx = "x"\n[parameters]\nx = 2', "both a coordinate and a parameter"),
    ('[equations]\nx = "x"\n[parameters]\na = "b"', "parameters: a = 'b' is not a number"),
    ('[equations]\nsin = "1"', "sin is a function"), ('[equations]\n"a b" = "1"', "is not a name"),
    ('[equations]\nx = "x"\n[parameters]\npath = 1', "path cannot be the name"),
    ('[equations]\nx = "2*x"\n[jacobian]\nx = ["3"]', r"d\(x\)/d\(x\) is 3 .* changes by 2"),
    ('[equations]\nx = "x"\n[jacobian]\ny = ["3"]', "must have the rows x"),
    ('[equations]\nx = "x"\n[jacobian]\nx = ["3", "1"]', "line 4: jacobian.x must be a list of 1"),
    ('momenta = ["v"]\n[equations]\nx = "v"\nv = "-x-v"', "not a sum K"),
    ('momenta = ["v"]\n[equations]\nx = "v"\nv = "-x"\nz = "1"', "as many momenta as positions"),
    ('conserved = "x**2 + 2*v**2"\n[equations]\nx = "v"\nv = "-x"', "conserved changes along the motion"),
    ('conserved = "w"\n[equations]\nx = "v"\nv = "-x"', "line 1: conserved: unknown name 'w'"),
    ('[symmetries]\nm = [[2]]\n[equations]\nx = "x**2"', "symmetries: m does not hold"),
    ('[symmetries]\nm = [[2, 1]]\n[equations]\nx = "x**2"', "1 rows of 1 numbers")])
def test_bad_formulas_get_one_line(here, text, says):
    said = message(here, text)
    assert re.search(says, said), said


def test_a_map_with_all_settings(here):
    mine = system(here, """
        kind = "map"
        angles = ["q"]
        period = 5
        reference = "a book"
        symmetries = {turn = [[-1, 0], [0, -1]]}
        [equations]
        q = "q + m + K * sin(q)"
        m = "m + K * sin(q)"
        [parameters]
        K = 1
        [jacobian]
        q = ["1 + K * cos(q)", "1"]
        m = ["K * cos(q)", "1"]
        """)
    assert (mine.kind, mine.dt, mine.period, mine.angles, mine.reference) == ("map", 1.0, 5.0, (0,), "a book")
    assert np.linalg.det(mine.jacobian_at(np.array([0.3, 2.0]))) == pytest.approx(1.0)
    assert [s.name for s in mine.symmetries] == ["turn"]


def test_a_python_file(here):
    mine = system(here, PENDULUM, "my.py", ",length=2")
    assert dict(mine.parameters) == {"g": 2.0, "length": 2.0}
    assert (mine.coordinates, mine.angles, mine.momenta) == (("angle", "momentum"), (0,), (1,))
    assert mine.velocity(np.array([0.5, 3.0])) == pytest.approx([3.0, -math.sin(0.5)])
    exact = np.array([[0.0, 1.0], [-math.cos(0.5), 0.0]])
    assert mine.jacobian_at(np.array([0.5, 3.0])) == pytest.approx(exact, abs=1e-9)
    assert mine.conserved(np.array([0.0, 2.0]), mine.p) == pytest.approx(1.0)


def test_laws_of_files_run_in_the_compiled_loops(here):
    from statfe.attractors.march import march

    swing = system(here, PENDULUM, "my.py")
    states = march(swing, swing.start[None, :], 20, 10).states[0]
    assert [swing.conserved(x, swing.p) for x in states] == pytest.approx([swing.conserved(swing.start, swing.p)] * 20)
    assert np.ptp(states[:, 0]) > 0.5


def test_laws_of_formulas_compile(here):
    mine = system(here, '[equations]\nx = "-x**-2 + sign(x)*log(abs(x) + 2)/e"')
    assert compile_error(mine.rhs) == compile_error(mine.jacobian, matrix=True) == ""


@pytest.mark.parametrize(("text", "says"), [
    ("def rhs(t, x, p, out)\n    pass", "line 1: expected ':'"), ("1 / 0", "line 1: ZeroDivisionError"),
    ("import nothere", "line 1: ModuleNotFoundError"), ("rhs = 3", "must be a function of t, x, p, out"),
    ("start = [1.0]", "it defines no function"), ("def right(t, x, p, out):\n    pass", "did you mean 'right'"),
    ("start = [1.0]\ndef rhs(t, x, out):\n    pass", "line 2: rhs takes 3 arguments; write rhs"),
    ("def rhs(t, x, p, out):\n    out[0] = 1.0", "write coordinates ="),
    ("start = [1.0]\ndef rhs(t, x, p, out):\n    return x * 2", "write it into out instead"),
    ("start = [1.0]\ndef rhs(t, x, p, out):\n    x[0] = 2.0\n    out[0] = 2.0\n", "changes the state"),
    ("start = [1.0, 2.0]\ndef rhs(t, x, p, out):\n    out[0] = x[0]", "law of x2 gives nan"),
    ("start = [1.0]\ndef rhs(t, x, p, out):\n    out[0] = p[0]", "line 3: rhs fails .* 1 coordinates and 0 parameters"),
    ("start = [1.0]\ndef g(x):\n    return x\ndef rhs(t, x, p, out):\n    out[0] = g(x[0])", "line 5: .*'g'"),
    ("start = [1.0]\nparameters = [1]\ndef rhs(t, x, p, out):\n    out[0] = 1.0", "numbers by name"),
    ("def made(k):\n    def rhs(t, x, p, out):\n        out[0] = k\n    return rhs\nrhs = made(1.0)", "holds values"),
    ("start = [1.0]\ndef rhs(t, x, p, out):\n    out[0] = x[0]**2\ndef jacobian(t, x, p, out):\n    out[0, 0] = x[0]",
     "is 1 at x1 = 1, but rhs changes by 2"),
    ("start = [1.0]\ndef rhs(t, x, p, out):\n    out[0] = x[0]\ndef tangent(t, x, p, v, out):\n    out[0] = x[0]",
     "tangent is not the Jacobian times v"),
    ("start = [1.0]\ndef rhs(t, x, p, out):\n    out[0] = x[0]\ndef stiff(p):\n    return [1, 2]", "1 finite numbers")])
def test_bad_python_gets_one_line(here, text, says):
    said = message(here, text, "my.py")
    assert re.search(says, said), said


def test_other_bad_files(here):
    with pytest.raises(UsageError, match=r"no\.toml: cannot be read \(No such file"):
        build_system("file:no.toml")
    assert "rename the file" in message(here, "", "my.txt")
    assert "unknown parameter 'sigm'; did you mean 'sigma'" in message(here, LORENZ, options=",sigm=1")
    with pytest.raises(SpecError, match="rho=x: not a number"):
        system(here, LORENZ, options=",rho=x")
    (here / "my.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not text in UTF-8"):
        build_system("file:my.toml")
    with pytest.raises(SpecError, match=r"write file:my\.toml"):
        build_system("my.toml")


def test_a_file_that_changes_is_read_again(here):
    assert system(here, LORENZ).parameters["sigma"] == 10.0
    assert system(here, LORENZ.replace("sigma = 10", "sigma = 11")).parameters["sigma"] == 11.0


def test_the_command_shows_a_file(here, call):
    system(here, LORENZ)
    code, out, _ = call("attractors", "systems", "file:my.toml,sigma=12", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["parameters"] == {"sigma": 12.0, "rho": 28.0, "beta": 2.6666666666666665}
    assert "rho" in facts["law"]
    (here / "my.toml").write_text('[equations]\nx = "q"', encoding="utf-8")
    code, out, err = call("attractors", "systems", "file:my.toml")
    assert (code, out) == (2, "")
    assert "line 2: equations.x" in err
