"""Laws of motion written once more from the papers, by names of parameters and with whole arrays."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp


def chua(x, alpha, beta, inner, outer):
    u, v, w = x
    f = inner * u if abs(u) <= 1 else outer * u + (inner - outer) * np.sign(u)
    return [alpha * (v - u - f), u - v + w, -beta * v]


def ikeda(x, u, kick, detuning, bend):
    z = complex(*x)
    z = kick + u * z * np.exp(1j * (detuning - bend / (1 + abs(z) ** 2)))
    return [z.real, z.imag]


def kuramoto(x, K, **omegas):
    return np.array(list(omegas.values())) + K * np.sin(x[None, :] - x[:, None]).mean(axis=1)


def magnetic_pendulum(x, omega, friction, pull, height, **places):
    magnets = np.array(list(places.values())).reshape(-1, 2)
    r, v = x[:2], x[2:]
    away = r - magnets
    force = pull * away / (np.linalg.norm(np.c_[away, np.full(len(away), height)], axis=1) ** 3)[:, None]
    return [*v, *(-(omega**2) * r - friction * v - force.sum(axis=0))]


def hopfield_network(x, gain, **stored):
    xi = np.array(list(stored.values())).reshape(-1, x.size)
    T = xi.T @ xi / x.size
    np.fill_diagonal(T, 0.0)
    return -x + T @ np.tanh(gain * x)


def hopfield_energy(x, gain, **stored):
    """Eq. (7) of Hopfield 1984: the integral of the inverse of V = tanh(gain u) in closed form."""
    xi = np.array(list(stored.values())).reshape(-1, x.size)
    T = xi.T @ xi / x.size
    np.fill_diagonal(T, 0.0)
    V = np.tanh(gain * x)
    return -0.5 * V @ T @ V + np.sum(V * np.arctanh(V) + 0.5 * np.log(1.0 - V * V)) / gain


def kuramoto_sivashinsky(x, L):
    """-u u_x - u_xx - u_xxxx on a grid that is fine enough for the product to have no aliases."""
    n = x.size // 2
    grid = 8 * n
    modes = np.zeros(grid // 2 + 1, dtype=complex)
    modes[1:n + 1] = x[:n] + 1j * x[n:]
    q = 2 * np.pi * np.arange(grid // 2 + 1) / L
    u, slope = np.fft.irfft(modes * grid), np.fft.irfft(1j * q * modes * grid)
    rate = -np.fft.rfft(u * slope) / grid + (q**2 - q**4) * modes
    return [*rate[1:n + 1].real, *rate[1:n + 1].imag]


def lorenz96(x, F):
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + F


def coupled_map_lattice(x, a, epsilon):
    f = 1 - a * x**2
    return (1 - epsilon) * f + epsilon / 2 * (np.roll(f, 1) + np.roll(f, -1))


def cyclic(law):
    """A flow of three coordinates whose laws are one law taken round."""
    return lambda x, **p: [law(*np.roll(x, -k), **p) for k in range(3)]


#: Systems whose rate (or next state) is one line.
TWINS = {
    "lorenz63": lambda x, sigma, rho, beta: [
        sigma * (x[1] - x[0]), rho * x[0] - x[1] - x[0] * x[2], x[0] * x[1] - beta * x[2]],
    "rossler": lambda x, a, b, c: [-x[1] - x[2], x[0] + a * x[1], b + x[0] * x[2] - c * x[2]],
    "lorenz84": lambda x, F, G, a, b: [
        a * (F - x[0]) - np.hypot(x[1], x[2]) ** 2, x[1] * (x[0] - 1) - b * x[0] * x[2] + G,
        x[2] * (x[0] - 1) + b * x[0] * x[1]],
    "chua": chua,
    "thomas": cyclic(lambda x, y, z, b: np.sin(y) - b * x),
    "halvorsen": cyclic(lambda x, y, z, a: -a * x - 4 * (y + z) - y**2),
    "chen": lambda x, a, b, c: [
        a * (x[1] - x[0]), (c - a - x[2]) * x[0] + c * x[1], x[0] * x[1] - b * x[2]],
    "rabinovich-fabrikant": lambda x, gamma, alpha: [
        x[1] * (x[2] - 1 + x[0] ** 2) + gamma * x[0], x[0] * (3 * x[2] + 1 - x[0] ** 2) + gamma * x[1],
        -2 * x[2] * alpha - 2 * x[0] * x[1] * x[2]],
    "sprott-a": lambda x, a: [x[1], x[1] * x[2] - x[0], a - x[1] ** 2],
    "duffing": lambda x, delta, alpha, beta, gamma, omega: [
        x[1], gamma * np.cos(x[2]) - delta * x[1] - (alpha + beta * x[0] ** 2) * x[0], omega],
    "van-der-pol": lambda x, mu, amplitude, omega: [
        x[1], amplitude * np.cos(x[2]) - x[0] - mu * (x[0] ** 2 - 1) * x[1], omega],
    "henon": lambda x, a, b: [1 + x[1] - a * x[0] ** 2, b * x[0]],
    "ikeda": ikeda,
    "standard": lambda x, K: np.mod([x[0] + x[1] + K * np.sin(x[0]), x[1] + K * np.sin(x[0])], 2 * np.pi),
    "logistic": lambda x, r: r * (x - x**2),
    "lorenz96": lorenz96, "coupled-map-lattice": coupled_map_lattice, "kuramoto": kuramoto,
    "magnetic-pendulum": magnetic_pendulum, "hopfield-network": hopfield_network,
    "kuramoto-sivashinsky": kuramoto_sivashinsky,
}


def mackey_glass(delays: int, tau: float, beta: float, gamma: float, power: float, history: float):
    """The solution after `delays` delays by the method of steps, as a list of interpolants, one a delay."""
    pieces = [lambda t: np.array([history])]
    for k in range(delays):
        before = pieces[-1]

        def rate(t, y, before=before):
            late = before(t - tau)
            return beta * late / (1.0 + late**power) - gamma * y

        start = pieces[-1](k * tau)
        found = solve_ivp(rate, (k * tau, (k + 1) * tau), start, "DOP853", rtol=1e-11, atol=1e-12, max_step=tau / 20,
                          dense_output=True)
        pieces.append(found.sol)
    return pieces
