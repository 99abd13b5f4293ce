"""Tree-EP on tables over all 2^N states: every law is a table, and a tree is the product of its marginals."""

from __future__ import annotations

import networkx as nx
import numpy as np
from scipy.special import logsumexp

from statfe.models.ising import IsingModel
from tests.naive.approximate_tap_bethe import coupling_matrix
from tests.naive.ising import states


def pair_information(J: float, h: float, g: float) -> float:
    """Mutual information of two spins with weights exp(J s t + h s + g t)."""
    p = np.array([[np.exp(J * s * t + h * s + g * t) for t in (-1, 1)] for s in (-1, 1)])
    p /= p.sum()
    return float(sum(p[a, b] * np.log(p[a, b] / (p[a].sum() * p[:, b].sum())) for a in (0, 1) for b in (0, 1)))


def spanning_tree(model: IsingModel, beta: float) -> set[tuple[int, int]]:
    """Edges of the maximum spanning tree by mutual information."""
    J = beta * coupling_matrix(model)
    graph = nx.Graph()
    graph.add_nodes_from(range(model.n_sites))
    for i, j in np.argwhere(np.triu(J)):
        graph.add_edge(
            int(i), int(j), weight=pair_information(J[i, j], beta * model.fields[i], beta * model.fields[j]))
    return {(min(e), max(e)) for e in nx.maximum_spanning_edges(graph, data=False)}


def _projected(log_p: np.ndarray, s: np.ndarray, tree: set[tuple[int, int]]) -> np.ndarray:
    """ln of the tree law with the site and edge marginals of p."""
    log_p = log_p - logsumexp(log_p)
    n = s.shape[1]
    sites = [{v: logsumexp(log_p[s[:, i] == v]) for v in (-1, 1)} for i in range(n)]
    out = sum(np.where(s[:, i] > 0, sites[i][1], sites[i][-1]) for i in range(n))
    for i, j in tree:
        for a in (-1, 1):
            for b in (-1, 1):
                here = (s[:, i] == a) & (s[:, j] == b)
                out = np.where(here, out + logsumexp(log_p[here]) - sites[i][a] - sites[j][b], out)
    return np.asarray(out)


def tree_ep(
    model: IsingModel, beta: float, sweeps: int = 300, damping: float = 0.1
) -> tuple[float, np.ndarray, np.ndarray]:
    """(beta_f, <s_i>, <s_i s_j> of all pairs in the final law) from stand-ins that say nothing."""
    s, J, tree = states(model.n_sites), beta * coupling_matrix(model), spanning_tree(model, beta)
    base = beta * s @ model.fields + sum(J[i, j] * s[:, i] * s[:, j] for i, j in tree)
    off = [(i, j) for i, j in np.argwhere(np.triu(J)).tolist() if (i, j) not in tree]
    true = [J[i, j] * s[:, i] * s[:, j] for i, j in off]
    stand_in = [np.zeros(len(s)) for _ in off]
    for _ in range(sweeps):
        before = sum(stand_in)
        for k in range(len(off)):
            q = base + sum(stand_in)
            without = q - stand_in[k]
            new = _projected(without + true[k], s, tree) - without
            stand_in[k] = damping * stand_in[k] + (1 - damping) * (new - new.mean())
        if np.max(np.abs(sum(stand_in) - before)) < 1e-12:
            break
    q = base + sum(stand_in)
    log_z = logsumexp(q) + sum(logsumexp(q - a + t) - logsumexp(q) for a, t in zip(stand_in, true, strict=True))
    p = np.exp(q - logsumexp(q))
    return -float(log_z), p @ s, (s * p[:, None]).T @ s
