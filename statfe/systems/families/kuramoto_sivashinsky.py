"""The equation of Kuramoto and Sivashinsky in Fourier modes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from statfe.spec import Option
from statfe.systems.system import Family, Known, Symmetry, System, constant_divergence, usual

MODES = "P. Cvitanovic, R. L. Davidchack and E. Siminos, SIAM J. Appl. Dyn. Syst. 9, 1 (2010)"
REFERENCE = ("Y. Kuramoto and T. Tsuzuki, Prog. Theor. Phys. 55, 356 (1976); "
             "G. I. Sivashinsky, Acta Astronaut. 4, 1177 (1977); modes as in " + MODES)
KNOWN = (Known("exponents", (0.048, 0.0, 0.0, -0.003, -0.189, -0.256, -0.290, -0.310),
               MODES, 0.01),)
OPTIONS = (
    Option("L", "float", 22.0, "length of the periodic domain", minimum=1e-3),
    Option("modes", "int", 12, "Fourier modes kept; the state has two numbers for each", minimum=2, maximum=512))
#: The step follows the rates of wave numbers up to this; exponential steps damp faster modes exactly, and those follow
#: the others: over 10 units of time such steps are right to 1e-6 of the largest mode, however many modes there are.
FOLLOWED = 3.5


def rhs(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """da_k/dt = (q_k^2 - q_k^4) a_k - (i q_k / 2) sum_m a_m a_{k-m}, q_k = 2 pi k / L.

    This is u_t = -u u_x - u_xx - u_xxxx for u = sum_k a_k exp(i q_k x) with a_0 = 0 and a_{-k} the conjugate of a_k:
    Galerkin's projection on |k| <= modes, by a direct sum, so without aliasing. `x` has the real parts, then the
    imaginary parts of a_1, a_2, ...
    """
    n = x.size // 2
    for k in range(1, n + 1):
        re, im = 0.0 * x[0], 0.0 * x[0]
        # a_m a_{k-m} with both m and k-m > 0, each pair once but for the middle
        for m in range(1, (k + 1) // 2):
            a, b, c, d = x[m - 1], x[n + m - 1], x[k - m - 1], x[n + k - m - 1]
            re = re + 2.0 * (a * c - b * d)
            im = im + 2.0 * (a * d + b * c)
        if k % 2 == 0:
            a, b = x[k // 2 - 1], x[n + k // 2 - 1]
            re = re + (a * a - b * b)
            im = im + 2.0 * a * b
        # a_m conj(a_{m-k}) with m > k, and the same with m and k-m exchanged
        for m in range(k + 1, n + 1):
            a, b, c, d = x[m - 1], x[n + m - 1], x[m - k - 1], x[n + m - k - 1]
            re = re + 2.0 * (a * c + b * d)
            im = im + 2.0 * (b * c - a * d)
        q = 2.0 * np.pi * k / p[0]
        linear = q * q - q * q * q * q
        out[k - 1] = linear * x[k - 1] + 0.5 * q * im
        out[n + k - 1] = linear * x[n + k - 1] - 0.5 * q * re


def jacobian(_t: float, x: np.ndarray, p: np.ndarray, out: np.ndarray) -> None:
    """Of `rhs`: dN_k = -i q_k sum_{j > 0} (a_{k-j} v_j + a_{k+j} conj(v_j))."""
    n = x.size // 2
    for k in range(1, n + 1):
        q = 2.0 * np.pi * k / p[0]
        for j in range(1, n + 1):
            near = abs(k - j)
            c, d = 0.0, 0.0
            if near > 0:
                c, d = x[near - 1], x[n + near - 1] if k > j else -x[n + near - 1]
            e, f = 0.0, 0.0
            if k + j <= n:
                e, f = x[k + j - 1], x[n + k + j - 1]
            out[k - 1, j - 1] = q * (d + f)
            out[n + k - 1, j - 1] = -q * (c + e)
            out[k - 1, n + j - 1] = q * (c - e)
            out[n + k - 1, n + j - 1] = q * (d - f)
        linear = q * q - q * q * q * q
        out[k - 1, k - 1] += linear
        out[n + k - 1, n + k - 1] += linear


def tangent(_t: float, x: np.ndarray, p: np.ndarray, v: np.ndarray, out: np.ndarray) -> None:
    """`jacobian` times `v` by the same sum, without the matrix."""
    n = x.size // 2
    for k in range(1, n + 1):
        re, im = 0.0, 0.0
        for j in range(1, k):
            a, b, c, d = v[j - 1], v[n + j - 1], x[k - j - 1], x[n + k - j - 1]
            re += a * c - b * d
            im += a * d + b * c
        for j in range(k + 1, n + 1):
            a, b, c, d = v[j - 1], v[n + j - 1], x[j - k - 1], x[n + j - k - 1]
            re += a * c + b * d
            im += b * c - a * d
        for j in range(1, n + 1 - k):
            a, b, c, d = v[j - 1], v[n + j - 1], x[k + j - 1], x[n + k + j - 1]
            re += a * c + b * d
            im += a * d - b * c
        q = 2.0 * np.pi * k / p[0]
        linear = q * q - q * q * q * q
        out[k - 1] = linear * v[k - 1] + q * im
        out[n + k - 1] = linear * v[n + k - 1] - q * re


def growth(n: int, p: np.ndarray) -> np.ndarray:
    """The linear part q^2 - q^4 of `n` modes, once for the real and once for the imaginary parts; shape (2 n,)."""
    q = 2.0 * np.pi * np.arange(1, n + 1) / p[0]
    return np.asarray(np.tile(q**2 - q**4, 2))


def build(options: Mapping[str, Any]) -> System:
    """The modes; the box is that of small waves, from which turbulence grows."""
    n, length = options["modes"], options["L"]
    linear = growth(n, np.array([length]))
    wave = np.arange(1, n + 1)
    followed = np.abs(linear[:n][2.0 * np.pi * wave / length <= FOLLOWED])
    size = np.exp(-0.5 * (2.0 * np.pi * wave / length) ** 2)
    start = np.concatenate([0.3 * size * np.cos(2.4 * wave), 0.3 * size * np.sin(2.4 * wave)])
    box = 0.5 * np.tile(size, 2)[:, None] * np.array([-1.0, 1.0])
    mirror = np.diag(np.repeat([-1.0, 1.0], n))
    shift = np.diag(np.tile((-1.0) ** wave, 2))
    cos, sin = np.diag(np.cos(wave)), np.diag(np.sin(wave))
    names = (*(f"re{k}" for k in wave), *(f"im{k}" for k in wave))
    return System(
        name="kuramoto-sivashinsky", title="Kuramoto-Sivashinsky", kind="flow", coordinates=names,
        parameters={"L": length}, rhs=rhs, jacobian=jacobian, tangent=tangent, stiff=partial(growth, n),
        dt=min(0.05, 2.5 / float(followed.max(initial=1.0))),
        period=10.0, transient=300.0, start=start, box=box, bound=1e3, reference=REFERENCE,
        symmetries=(Symmetry("u(x) to -u(-x)", mirror), Symmetry("shift by L / 2", shift),
                    Symmetry("shift by L / (2 pi)", np.block([[cos, -sin], [sin, cos]]))),
        known=(*(KNOWN if usual(options, OPTIONS) else ()),
               constant_divergence(float(linear.sum()), "sum of 2 (q^2 - q^4) over the modes")))


FAMILY = Family(
    name="kuramoto-sivashinsky", group="lattice", summary="flame fronts and waves on films: chaos in space and time",
    options=OPTIONS, build=build, reference=REFERENCE,
    facts=("sum of exponents: that of the linear part; the quadratic part keeps sum |a_k|^2",
           "two exponents are 0: time and shifts in space",
           "modes with 2 pi k / L < 1 grow; keep at least 3 L / (2 pi)",
           "stiff: Runge-Kutta needs dt < 2.7 / (2 pi modes / L)^4; so do the decaying exponents, with any steps"))
