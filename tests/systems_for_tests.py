"""Systems whose invariants are known exactly, and a few that are not in the catalogue, as plain laws."""

from __future__ import annotations

import math

import numpy as np

from statfe.systems.system import System


def made(name, kind, rhs, jacobian, start, dt=0.01, parameters=None, names=None, **more):
    """A system with ordinary bounds; `more` are fields of `System`."""
    start = np.asarray(start, dtype=np.float64)
    fields = {
        "period": 1.0 if kind == "flow" else dt, "transient": 20.0, "bound": 1e6, "reference": "test",
        "box": np.stack([start - 1.0, start + 1.0], axis=1), **more}
    return System(
        name=name, title=name, kind=kind, coordinates=names or tuple(f"x{k}" for k in range(len(start))),
        parameters=parameters or {}, rhs=rhs, jacobian=jacobian, dt=dt, start=start, **fields)


def spiral(_t, x, p, out):
    """A linear flow with eigenvalues p0 +- i p1, and p2."""
    out[0] = p[0] * x[0] - p[1] * x[1]
    out[1] = p[1] * x[0] + p[0] * x[1]
    out[2] = p[2] * x[2] + x[0]


def spiral_jacobian(_t, _x, p, out):
    out[:, :] = 0.0
    out[0, 0], out[0, 1] = p[0], -p[1]
    out[1, 0], out[1, 1] = p[1], p[0]
    out[2, 0], out[2, 2] = 1.0, p[2]


def linear(a=0.0, w=1.0, b=-0.7):
    return made("spiral", "flow", spiral, spiral_jacobian, [0.3, 0.2, 0.1], parameters={"a": a, "w": w, "b": b})


def cat(_t, x, _p, out):
    """Arnold's cat map."""
    a, b = x[0], x[1]
    out[0] = (2.0 * a + b) % 1.0
    out[1] = (a + b) % 1.0


def cat_jacobian(_t, _x, _p, out):
    out[0, 0], out[0, 1], out[1, 0], out[1, 1] = 2.0, 1.0, 1.0, 1.0


def cat_map():
    return made("cat", "map", cat, cat_jacobian, [math.sqrt(0.2), math.sqrt(0.3)], dt=1.0)


def baker(_t, x, p, out):
    """A baker's map with unequal strips: lengths p0 and 1 - p0, heights p1 and p2."""
    a, b = x[0], x[1]
    if a < p[0]:
        out[0] = a / p[0]
        out[1] = p[1] * b
    else:
        out[0] = (a - p[0]) / (1.0 - p[0])
        out[1] = 1.0 - p[2] + p[2] * b


def baker_jacobian(_t, x, p, out):
    out[:, :] = 0.0
    first = x[0] < p[0]
    out[0, 0] = 1.0 / p[0] if first else 1.0 / (1.0 - p[0])
    out[1, 1] = p[1] if first else p[2]


def baker_map(strip=0.4, low=0.2, high=0.3):
    return made("baker", "map", baker, baker_jacobian, [math.sqrt(0.1), 0.4], dt=1.0,
                parameters={"strip": strip, "low": low, "high": high})


def logistic(_t, x, p, out):
    out[0] = p[0] * x[0] * (1.0 - x[0])


def logistic_jacobian(_t, x, p, out):
    out[0, 0] = p[0] * (1.0 - 2.0 * x[0])


def logistic_map(r=4.0):
    return made("logistic-test", "map", logistic, logistic_jacobian, [0.3141], dt=1.0, parameters={"r": r})


def cycle(_t, x, p, out):
    """A limit cycle of radius 1: dr/dt = p0 r (1 - r^2), angle at speed p1; and z damped by p2."""
    s = p[0] * (1.0 - x[0] * x[0] - x[1] * x[1])
    out[0] = s * x[0] - p[1] * x[1]
    out[1] = p[1] * x[0] + s * x[1]
    out[2] = p[2] * x[2]


def cycle_jacobian(_t, x, p, out):
    s = p[0] * (1.0 - x[0] * x[0] - x[1] * x[1])
    out[:, :] = 0.0
    out[0, 0], out[0, 1] = s - 2.0 * p[0] * x[0] * x[0], -p[1] - 2.0 * p[0] * x[0] * x[1]
    out[1, 0], out[1, 1] = p[1] - 2.0 * p[0] * x[0] * x[1], s - 2.0 * p[0] * x[1] * x[1]
    out[2, 2] = p[2]


def limit_cycle(pull=0.5, speed=2 * math.pi, damp=-3.0):
    """Exponents 0, -2 pull, damp."""
    return made("cycle", "flow", cycle, cycle_jacobian, [1.0, 0.2, 0.3],
                parameters={"pull": pull, "speed": speed, "damp": damp})


def lattice(_t, x, p, out):
    """Lorenz 1996."""
    n = x.size
    for i in range(n):
        out[i] = (x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + p[0]


def lattice_jacobian(_t, x, _p, out):
    n = x.size
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
        out[i, (i + 1) % n] += x[i - 1]
        out[i, i - 2] -= x[i - 1]
        out[i, i - 1] += x[(i + 1) % n] - x[i - 2]
        out[i, i] -= 1.0


def lorenz96(n=40, forcing=8.0):
    start = forcing + 0.01 * np.sin(1.0 + np.arange(n))
    return made("lorenz96-test", "flow", lattice, lattice_jacobian, start, dt=0.02, parameters={"forcing": forcing},
                period=1.0, transient=100.0)


def henon_heiles(_t, x, _p, out):
    """Positions x, y; momenta after them."""
    out[0], out[1] = x[2], x[3]
    out[2] = -x[0] - 2.0 * x[0] * x[1]
    out[3] = -x[1] - x[0] * x[0] + x[1] * x[1]


def henon_heiles_jacobian(_t, x, _p, out):
    out[:, :] = 0.0
    out[0, 2] = out[1, 3] = 1.0
    out[2, 0], out[2, 1] = -1.0 - 2.0 * x[1], -2.0 * x[0]
    out[3, 0], out[3, 1] = -2.0 * x[0], -1.0 + 2.0 * x[1]


def henon_heiles_energy(x, _p):
    return 0.5 * (x[0]**2 + x[1]**2 + x[2]**2 + x[3]**2) + x[0]**2 * x[1] - x[1]**3 / 3.0


def hamiltonian():
    """Henon-Heiles at energy 1/8 or so, in its chaotic sea."""
    return made("henon-heiles-test", "flow", henon_heiles, henon_heiles_jacobian, [0.0, -0.15, 0.49, 0.0], dt=0.05,
                conserved=henon_heiles_energy, momenta=(2, 3), period=6.0)


def waves(_t, x, p, out):
    """Kuramoto-Sivashinsky on a circle of length p0: real and imaginary parts of the first n/2 Fourier coefficients."""
    n = x.size // 2
    q = 2.0 * np.pi / p[0]
    for k in range(1, n + 1):
        real, imaginary = 0.0, 0.0
        for m in range(k - n, n + 1):
            l = k - m
            if m == 0 or l == 0 or abs(l) > n:
                continue
            a, b = x[abs(m) - 1], x[n + abs(m) - 1] * (1.0 if m > 0 else -1.0)
            c, d = x[abs(l) - 1], x[n + abs(l) - 1] * (1.0 if l > 0 else -1.0)
            real += a * c - b * d
            imaginary += a * d + b * c
        w = (q * k) ** 2 - (q * k) ** 4
        out[k - 1] = w * x[k - 1] + 0.5 * q * k * imaginary
        out[n + k - 1] = w * x[n + k - 1] - 0.5 * q * k * real


def waves_jacobian(_t, x, p, out):
    n = x.size // 2
    q = 2.0 * np.pi / p[0]
    out[:, :] = 0.0
    for k in range(1, n + 1):
        w = (q * k) ** 2 - (q * k) ** 4
        out[k - 1, k - 1] += w
        out[n + k - 1, n + k - 1] += w
        for m in range(k - n, n + 1):
            l = k - m
            if m == 0 or l == 0 or abs(l) > n:
                continue
            # twice u_l times a change of u_m, by symmetry of the sum
            s = 1.0 if m > 0 else -1.0
            c, d = x[abs(l) - 1], x[n + abs(l) - 1] * (1.0 if l > 0 else -1.0)
            i, j = abs(m) - 1, n + abs(m) - 1
            out[k - 1, i] += q * k * d
            out[k - 1, j] += q * k * c * s
            out[n + k - 1, i] -= q * k * c
            out[n + k - 1, j] += q * k * d * s


def waves_along(t, x, v, p, out):
    """The Jacobian of `waves` along one vector, by the bilinear sum."""
    n = x.size // 2
    q = 2.0 * np.pi / p[0]
    for k in range(1, n + 1):
        real, imaginary = 0.0, 0.0
        for m in range(k - n, n + 1):
            l = k - m
            if m == 0 or l == 0 or abs(l) > n:
                continue
            a, b = x[abs(m) - 1], x[n + abs(m) - 1] * (1.0 if m > 0 else -1.0)
            c, d = v[abs(l) - 1], v[n + abs(l) - 1] * (1.0 if l > 0 else -1.0)
            real += 2.0 * (a * c - b * d)
            imaginary += 2.0 * (a * d + b * c)
        w = (q * k) ** 2 - (q * k) ** 4
        out[k - 1] = w * v[k - 1] + 0.5 * q * k * imaginary
        out[n + k - 1] = w * v[n + k - 1] - 0.5 * q * k * real


def waves_linear(p):
    n = 10
    w = 2.0 * np.pi * np.arange(1, n + 1) / p[0]
    return np.tile(w**2 - w**4, 2)


def kuramoto_sivashinsky(length=22.0):
    """Ten modes; a strange attractor at length 22."""
    start = np.zeros(20)
    start[:4] = 0.3, 0.2, -0.2, 0.1
    return made("ks-test", "flow", waves, waves_jacobian, start, dt=0.1, parameters={"length": length},
                stiff=waves_linear, period=10.0, transient=200.0)
