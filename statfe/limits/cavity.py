"""Random regular graphs as N grows: the cavity method at the replica-symmetric level.

A large random graph of degree c is a tree around any site. A spin whose bond to one neighbour is cut feels the cavity
field

    x = beta h + sum_(k = 1 ... c - 1) u(J_k, x_k),   tanh u(J, x) = tanh(beta J) tanh x,                         (1)

from its others. The law of x is the fixed point of (1), and -beta f that of `measure_population` (Mezard and Parisi).

Two cases are solved without drawing numbers. Equal couplings J >= 0: one field solves (1), that which iteration from a
large one ends at. No field and a stable paramagnet: x = 0, and

    -beta f = ln 2 + (c / 2) E ln cosh(beta J),   where (c - 1) E tanh^2(beta J) and (c - 1) |E tanh(beta J)| <= 1.  (2)

Otherwise a population of fields stands for their law. Where (c - 1) E tanh^2 > 1 and no sign is favoured, the model is
a spin glass, whose replica symmetry is broken: the value is then an approximation. A perturbation of the fields tells:
its square grows by the factor Lambda = (c - 1) E[(du/dx)^2] a generation, and 1 - Lambda is the stability.

Antiferromagnets, J < 0: on a random graph, whose odd loops frustrate them, they are spin glasses too; the two
sublattices of a tree play no part, and the fields of the population are mixed so that they do not appear.

Sources: M. Mezard and G. Parisi, Eur. Phys. J. B 20, 217 (2001); for antiferromagnets L. Zdeborova and S. Boettcher,
J. Stat. Mech. P02020 (2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statfe.kernels.cavity import measure_population
from statfe.limits.limit import Limit
from statfe.limits.population import Population, run_population

#: Iterations of the one field of a ferromagnet, and the relative change that ends them.
ITERATIONS, TOLERANCE = 1_000_000, 1e-15
#: Nodes of averages over Gaussian couplings, and their range.
NODES, RANGE = 2001, 10.0


@dataclass(frozen=True)
class RegularGraph:
    """A random regular graph: degree c, and the law of the couplings.

    Attributes
    ----------
    couplings
        ``ferro`` (all J), ``bimodal`` (+J with probability p, else -J) or ``gaussian`` (J times a normal number).
    """

    degree: int
    couplings: str = "bimodal"
    coupling: float = 1.0
    p: float = 0.5
    field: float = 0.0

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """J and their weights, for averages over a coupling."""
        if self.couplings == "gaussian":
            z = np.linspace(-RANGE, RANGE, NODES)
            w = np.exp(-0.5 * z * z)
            return self.coupling * z, w / w.sum()
        if self.couplings == "ferro":
            return np.array([self.coupling]), np.ones(1)
        return np.array([self.coupling, -self.coupling]), np.array([self.p, 1.0 - self.p])

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Couplings J of `shape`."""
        if self.couplings == "gaussian":
            return self.coupling * rng.standard_normal(shape)
        if self.couplings == "ferro":
            return np.full(shape, self.coupling)
        return np.where(rng.random(shape) < self.p, self.coupling, -self.coupling)

    @property
    def equal(self) -> float | None:
        """J where all couplings are the same and do not frustrate, else None."""
        if self.couplings == "ferro" and self.coupling >= 0.0:
            return self.coupling
        if self.couplings == "bimodal" and self.p in (0.0, 1.0) and self.coupling * (2.0 * self.p - 1.0) >= 0.0:
            return abs(self.coupling)
        return None

    @property
    def leans(self) -> bool:
        """Whether the mean coupling favours like spins."""
        J, w = self.values()
        return float(w @ J) > 0.0

    @property
    def random(self) -> bool:
        """Whether the free energy of one graph depends on its couplings, not only on the graph."""
        return self.couplings == "gaussian" or (self.couplings == "bimodal" and 0.0 < self.p < 1.0)


def growth(graph: RegularGraph, beta: float) -> tuple[float, float]:
    """(c - 1) E tanh(beta J) and (c - 1) E tanh^2(beta J): what fields and their squares grow by at x = 0."""
    J, w = graph.values()
    t = np.tanh(beta * J)
    return (graph.degree - 1) * float(w @ t), (graph.degree - 1) * float(w @ t**2)


def solve(graph: RegularGraph, beta: float, population: Population, seed: int) -> Limit:
    """The replica-symmetric cavity solution at beta >= 0; `seed` matters where a population is drawn."""
    if graph.equal is not None:
        return _ferromagnet(graph, graph.equal, beta)
    along, square = growth(graph, beta)
    if beta == 0.0 or (graph.field == 0.0 and abs(along) <= 1.0 and square <= 1.0):
        return _paramagnet(graph, beta, square)
    return run_population(graph, beta, population, seed)


def _paramagnet(graph: RegularGraph, beta: float, square: float) -> Limit:
    """Equation (2)."""
    J, w = graph.values()
    K = np.abs(beta * J)
    log_cosh = float(w @ (K + np.log1p(np.exp(-2.0 * K)))) - math.log(2.0)
    beta_f = -math.log(2.0) - 0.5 * graph.degree * log_cosh
    energy = -0.5 * graph.degree * float(w @ (J * np.tanh(beta * J)))
    return _limit(graph, beta, beta_f, energy, {"m": 0.0, "q": 0.0}, 1.0 - square)


def _ferromagnet(graph: RegularGraph, J: float, beta: float) -> Limit:
    """Equal couplings: the field that iteration of (1) from a large one ends at, and the mean over one such site."""
    c, K, H = graph.degree, beta * J, beta * abs(graph.field)
    x = H + (c - 1) * K
    if H == 0.0 and (c - 1) * math.tanh(K) <= 1.0:
        x = 0.0
    steps = 0
    while steps < ITERATIONS:
        new = H + (c - 1) * _message(K, x)
        change, x, steps = abs(new - x), new, steps + 1
        if change <= TOLERANCE * (1.0 + x):
            break
    out = np.empty(4)
    measure_population(np.array([x]), np.zeros((1, c), dtype=np.int64), np.full((1, c), K), H, out)
    slope = 0.5 * (math.tanh(x + K) - math.tanh(x - K))
    m = math.copysign(float(out[2]), graph.field) if graph.field else float(out[2])
    energy = float(out[1]) / beta if beta > 0.0 else 0.0
    return _limit(graph, beta, -float(out[0]), energy, {"m": m, "q": float(out[3]), "cavity_field": x},
                  1.0 - (c - 1) * slope * slope)


def _message(K: float, x: float) -> float:
    """u(K, x) for K, x >= 0."""
    # The difference of ln cosh(x + K) and ln cosh(x - K), without that of large terms.
    return min(x, K) + 0.5 * (math.log1p(math.exp(-2.0 * (x + K))) - math.log1p(math.exp(-2.0 * abs(x - K))))


def _limit(
    graph: RegularGraph, beta: float, beta_f: float, energy: float, order: dict[str, float], stability: float
) -> Limit:
    return Limit(
        family="random-regular", solution="cavity", beta=beta, field=graph.field, beta_f=beta_f,
        free_energy=beta_f / beta if beta > 0.0 else -math.inf, energy=energy, entropy=beta * energy - beta_f,
        stability=stability, order=order)
