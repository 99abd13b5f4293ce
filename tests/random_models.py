"""Random small models of many kinds with random beta, by seed, for tests of what must hold for all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from statfe.models.ising import IsingModel

GRAPHS = ("grid", "torus", "random", "complete", "sk", "tree")
SIGNS = ("ferro", "antiferro", "mixed", "gaussian")
FIELDS = ("none", "none", "uniform", "random")
#: Most spins, and the largest beta.
MOST_SITES, MOST_BETA = 14, 3.0


class Case(NamedTuple):
    """A model, a beta, and what kind of model it is."""

    model: IsingModel
    beta: float
    kind: str


def random_case(seed: int) -> Case:
    """The case of a seed: graph, signs, fields, zero couplings and isolated sites are drawn."""
    rng = np.random.default_rng([20_000, seed])
    graph, sign, field = (str(rng.choice(names)) for names in (GRAPHS, SIGNS, FIELDS))
    n, rows, cols = _bonds(graph, rng)
    size = rng.uniform(0.3, 2.0) / (np.sqrt(n) if graph == "sk" else 1.0)
    drawn = rng.normal(size=len(rows))
    J = size * {"ferro": np.ones(len(rows)), "antiferro": -np.ones(len(rows)), "mixed": np.sign(drawn),
                "gaussian": drawn}[sign]
    if rng.random() < 0.2:
        J[rng.random(len(rows)) < 0.3] = 0.0
    if rng.random() < 0.2:
        n = min(MOST_SITES, n + int(rng.integers(1, 3)))
    h = {"none": np.zeros(n), "uniform": np.full(n, rng.normal()), "random": rng.uniform(0.1, 1.0) * rng.normal(size=n)}
    place = rng.permutation(n)
    ends = [0.0, MOST_BETA, rng.uniform(0.0, MOST_BETA), rng.uniform(0.0, MOST_BETA), rng.uniform(0.0, 1.0)]
    beta = float(ends[int(rng.choice(5, p=[0.02, 0.03, 0.4, 0.15, 0.4]))])
    low, high = np.minimum(place[rows], place[cols]), np.maximum(place[rows], place[cols])
    model = IsingModel.from_edges(n, low, high, J, h[field], spec=f"random:seed={seed}")
    return Case(model, beta, f"{graph}, {sign}, {'with' if field != 'none' else 'without'} fields")


def _bonds(graph: str, rng: np.random.Generator) -> tuple[int, np.ndarray, np.ndarray]:
    """Number of sites, and both ends of each bond; parallel bonds where an axis of a torus has length 2."""
    if graph in ("grid", "torus"):
        a, b = int(rng.integers(1, 5)), int(rng.integers(2, 5))
        a = min(a, MOST_SITES // b)
        sites = np.arange(a * b).reshape(a, b)
        if graph == "grid":
            pairs = [(sites[:-1], sites[1:]), (sites[:, :-1], sites[:, 1:])]
        else:
            pairs = [(sites, np.roll(sites, -1, axis)) for axis in (0, 1) if sites.shape[axis] > 1]
        rows = np.concatenate([p.ravel() for p, _ in pairs])
        return a * b, rows, np.concatenate([q.ravel() for _, q in pairs])
    n = int(rng.integers(2, 13))
    if graph == "tree":
        return n, np.arange(1, n), (rng.random(n - 1) * np.arange(1, n)).astype(int)
    i, j = np.triu_indices(n, 1)
    kept = rng.random(len(i)) < (min(1.0, rng.uniform(1.5, 4.0) / n) if graph == "random" else 1.0)
    return n, i[kept], j[kept]
