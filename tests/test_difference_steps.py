"""Jacobians by differences at any scale: a user's law without a Jacobian against the exact one."""

from __future__ import annotations

import numpy as np
import pytest

from statfe._jit import _KEYS, law
from statfe.errors import UsageError
from statfe.systems.catalogue import build_system

# Lorenz 1963 with coordinates in units of s
LORENZ = """
import numpy as np
start = [{s!r}, {s!r}, {twenty!r}]
parameters = {{"s": {s!r}}}
{box}
dt, period = 0.005, 0.75

def rhs(t, x, p, out):
    s = p[0]
    out[0] = 10.0 * (x[1] - x[0])
    out[1] = x[0] * (28.0 - x[2] / s) - x[1]
    out[2] = x[0] * x[1] / s - 8.0 / 3.0 * x[2]
"""


def exact(x, s):
    return np.array([[-10.0, 10.0, 0.0], [28.0 - x[2] / s, -1.0, -x[0] / s], [x[1] / s, x[0] / s, -8.0 / 3.0]])


def lorenz(here, s, box=""):
    (here / "l.py").write_text(LORENZ.format(s=s, twenty=20.0 * s, box=box))
    return build_system("file:l.py")


@pytest.mark.parametrize("s", [1e-12, 1e-8, 1e-3, 1.0, 1e6])
def test_the_lorenz_flow_in_any_units(here, s):
    system = lorenz(here, s)
    for x in ([0.0, 0.0, 0.0], [1.0, -2.0, 20.0], [-8.0, 0.0, 27.0], [1e-3, 0.0, 40.0]):
        at = s * np.array(x)
        assert system.jacobian_at(at) == pytest.approx(exact(at, s), abs=1e-6)


def sharp(here, s, start):
    """sin, exp and a pole on lengths of s, beside a coordinate of ordinary size and constants of order 1."""
    (here / "s.py").write_text(f"""
import math
start = [{start!r}, 0.5]

def rhs(t, x, p, out):
    u = x[0] / {s!r}
    out[0] = 1.0 - x[1] + math.sin(u)
    out[1] = math.exp(-u * u) * x[1] + 1.0 / (3.0 + u) - x[1] ** 3
""")
    u = start / s
    truth = np.array([[np.cos(u) / s, -1.0],
                      [(-2.0 * u * np.exp(-u * u) * 0.5 - 1.0 / (3.0 + u) ** 2) / s, np.exp(-u * u) - 0.75]])
    return build_system("file:s.py"), truth


@pytest.mark.parametrize("s", [1e-9, 1e-6, 1e-2, 1.0])
@pytest.mark.parametrize("u", [0.0, 0.7])
def test_a_law_that_bends_on_small_lengths(here, s, u):
    system, truth = sharp(here, s, u * s)
    got = system.jacobian_at(system.start)
    assert np.abs(got - truth).max(axis=0) == pytest.approx(0.0, abs=1e-6 * np.abs(truth).max())
    assert got[:, 1] == pytest.approx(truth[:, 1], abs=1e-8)


def test_ordinary_laws_keep_their_steps_and_a_start_near_rest_does_no_harm(here):
    (here / "o.py").write_text("start = [1e-12, 0.0]\ndef rhs(t, x, p, out):\n"
                               "    out[0] = 1.0 - 1.4 * x[0] ** 2 + x[1]\n    out[1] = 0.3 * x[0]\n")
    system = build_system("file:o.py")
    for x in ([0.0, 0.0], [0.3, -0.2], [1e-9, 1e-9]):
        truth = np.array([[-2.8 * x[0], 1.0], [0.3, 0.0]])
        assert system.jacobian_at(np.array(x)) == pytest.approx(truth, abs=1e-9)


def test_a_jacobian_of_ones_own_is_checked_on_small_lengths(here):
    right = "    out[0, 0] = math.cos(x[0] / 1e-9) / 1e-9\n"
    law_text = ("import math\nstart = [3e-10]\ndef rhs(t, x, p, out):\n    out[0] = math.sin(x[0] / 1e-9)\n"
                "def jacobian(t, x, p, out):\n")
    (here / "j.py").write_text(law_text + right)
    assert build_system("file:j.py").jacobian_at(np.array([3e-10]))[0, 0] == pytest.approx(1e9 * np.cos(0.3))
    (here / "j.py").write_text(law_text + right.replace("cos", "sin"))
    with pytest.raises(UsageError, match="mend it, or leave jacobian out"):
        build_system("file:j.py")


def test_the_box_says_the_size(here):
    system = lorenz(here, 1e-7, "box = [[-2e-6, 2e-6], [-2.5e-6, 2.5e-6], [0.0, 5e-6]]")
    assert law(system.jacobian) is not law(lorenz(here, 1e-7).jacobian)
    assert system.jacobian_at(system.start) == pytest.approx(exact(system.start, 1e-7), abs=1e-7)


def test_compiled_loops_take_the_steps_of_their_own_law(here):
    # same text but for the units: a cache that mixed up the sizes would give the Jacobian of the wrong one
    laws = {s: law(lorenz(here, s).jacobian) for s in (1.0, 1e-9)}
    assert len({_KEYS[one] for one in laws.values()}) == 2
    for s, compiled in laws.items():
        at, out = s * np.array([1.0, -2.0, 20.0]), np.empty((3, 3))
        compiled(0.0, at, np.array([s]), out)
        assert out == pytest.approx(exact(at, s), abs=1e-6)
