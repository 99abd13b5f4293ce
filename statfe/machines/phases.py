"""The negative phase: <v>, <h> and <v h> under the machine, estimated in one of five ways.

    d <ln p(v)> / d W = <v h>_data - <v h>_machine, and likewise for the biases with <v> and <h>.                 (1)

`exact` sums over states; `cd` runs k Gibbs steps from the data (G. Hinton, Neural Comput. 14, 1771 (2002)), `pcd` goes
on with chains of its own (T. Tieleman, ICML 2008), `pt` with chains at several scales of the weights that exchange
(G. Desjardins et al., AISTATS 2010), and `tap` with fixed points of the magnetisations (M. Gabrie, E. Tramel and
F. Krzakala, NIPS 2015). A phase keeps all that changes in `state()`, so that a training can go on with the same bits.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from statfe.kernels.rbm import exchange
from statfe.machines.exact_phase import exact_means
from statfe.machines.gibbs import Parameters, Units
from statfe.machines.tap_points import TapPoints


class Means(NamedTuple):
    """<v>, <h> and <v h>; shapes (n_visible,), (n_hidden,), (n_visible, n_hidden)."""

    visible: np.ndarray
    hidden: np.ndarray
    both: np.ndarray


class RowMeans:
    """As `Means`, over rows of units and p(h = 1) of each, which must not change; means are made when asked for."""

    def __init__(self, rows: np.ndarray, chances: np.ndarray) -> None:
        self.rows, self.chances = rows, chances

    @property
    def visible(self) -> np.ndarray:
        """<v>, shape (n_visible,)."""
        return np.asarray(self.rows.mean(axis=0))

    @property
    def hidden(self) -> np.ndarray:
        """<h>, shape (n_hidden,)."""
        return np.asarray(self.chances.mean(axis=0))

    @property
    def both(self) -> np.ndarray:
        """<v h>, shape (n_visible, n_hidden)."""
        return np.asarray(self.rows.T @ (self.chances / self.chances.dtype.type(len(self.rows))))


class Phase(Protocol):
    """How the means under the machine are found."""

    def means(self, p: Parameters, hidden: np.ndarray) -> Means | RowMeans:
        """Means at parameters `p`; `hidden` are the probabilities of the hidden units at the data of the batch."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """The arrays that change, to be filled in place on a resume."""
        ...


class ExactPhase:
    """Sums over all states of the smaller layer."""

    def means(self, p: Parameters, hidden: np.ndarray) -> Means:
        """Without an error."""
        found = exact_means(p.a, p.b, p.W)
        return Means(*(x.astype(p.vector.dtype) for x in (found.visible, found.hidden, found.both)))

    def state(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}


class ContrastivePhase:
    """`steps` Gibbs steps from the data of the batch: short chains, so a biased gradient."""

    def __init__(self, units: Units, steps: int) -> None:
        self.units, self.steps = units, steps

    def means(self, p: Parameters, hidden: np.ndarray) -> RowMeans:
        """The last visible units are drawn, the last hidden ones are probabilities."""
        for _ in range(self.steps):
            visible, hidden = self.units.gibbs(p, hidden)
        return RowMeans(visible, hidden)

    def state(self) -> dict[str, np.ndarray]:
        """Nothing but the streams, which belong to the training."""
        return {}


class PersistentPhase:
    """`steps` Gibbs steps of `chains` chains that live through the training."""

    def __init__(self, units: Units, steps: int, start: np.ndarray) -> None:
        self.units, self.steps, self.chains = units, steps, start.copy()

    def means(self, p: Parameters, hidden: np.ndarray) -> RowMeans:
        """As `ContrastivePhase`, from the chains."""
        hidden = self.units.hidden(p, self.chains)
        for _ in range(self.steps):
            shown, hidden = self.units.gibbs(p, hidden)
        self.chains[:] = shown
        return RowMeans(shown, hidden)

    def state(self) -> dict[str, np.ndarray]:
        """The chains."""
        return {"chains": self.chains}


class TemperedPhase:
    """Persistent chains at levels t between a product law at t = 0 and the machine, with exchanges after every step.

    The levels are p_t(v, h) = p_0^(1 - t) p^t, where p_0 has visible biases a_0 alone. Neighbours swap v with
    probability min(1, p_t(v') p_t'(v) / (p_t(v) p_t'(v'))), the hidden units summed out:

        ln p_t(v) = a_0.v + t (a - a_0).v + sum_j ln(1 + exp(t x_j)) + const,   x = b + v W.                      (2)

    With Gaussian visible units (sigma = 1) every level has the same -v^2 / 2 besides, and (2) stays as it is.
    """

    def __init__(self, units: Units, steps: int, start: np.ndarray, levels: int, base: np.ndarray) -> None:
        self.units, self.steps, self.base = units, steps, base.astype(units.dtype)
        self.chains = np.repeat(start[None], levels, axis=0)
        self.levels: np.ndarray = np.linspace(0.0, 1.0, levels).astype(units.dtype)
        self.accepted = np.zeros(levels - 1, dtype=np.int64)
        self.rounds = np.zeros(1, dtype=np.int64)
        self._scales = np.repeat(self.levels, len(start))

    def means(self, p: Parameters, hidden: np.ndarray) -> RowMeans:
        """From the chains at t = 1."""
        flat = self.chains.reshape(-1, self.chains.shape[2])
        none = np.zeros_like(p.b)
        for _ in range(self.steps):
            above = self.units.draw(self.units.probabilities(flat @ p.W + p.b, none, self._scales))
            inputs = above @ p.W.T + (p.a - self.base)
            flat[:] = self.units.draw_inputs(inputs, self.base, self._scales)
            exchange(self.chains, self.log_ratios(p), self.units.streams, int(self.rounds[0] % 2), self.accepted)
            self.rounds += 1
        return RowMeans(self.chains[-1].copy(), self.units.hidden(p, self.chains[-1]))

    def log_ratios(self, p: Parameters) -> np.ndarray:
        """ln of the ratio of each pair of neighbours, float64, shape (levels - 1, chains)."""
        levels = self.levels.astype(np.float64)[:, None]
        inputs = (self.chains @ p.W + p.b).astype(np.float64)
        outer = (self.chains @ (p.a - self.base)).astype(np.float64)

        def log_p(t: np.ndarray, rows: slice) -> np.ndarray:
            return t * outer[rows] + np.logaddexp(0.0, t[:, :, None] * inputs[rows]).sum(axis=2)

        low, high = slice(None, -1), slice(1, None)
        return np.ascontiguousarray(
            log_p(levels[low], high) + log_p(levels[high], low) - log_p(levels[low], low) - log_p(levels[high], high))

    def state(self) -> dict[str, np.ndarray]:
        """The chains, and how often they exchanged."""
        return {"chains": self.chains, "accepted": self.accepted, "rounds": self.rounds}


class TapPhase:
    """Fixed points of the TAP equations, moved by `steps` iterations before each gradient.

    They live through the training, as in the source, or start anew from the data of each batch. The first may leave
    the data behind: they come to rest at few solutions, and with strong weights these are not what the machine draws.
    """

    def __init__(self, p: Parameters, steps: int, start: np.ndarray, order: int, restart: bool = False) -> None:
        self.steps, self.points, self.restart = steps, TapPoints(start, order), restart
        self.points.begin(p)

    def means(self, p: Parameters, hidden: np.ndarray) -> Means:
        """-d Gamma / d parameters, averaged over the points."""
        if self.restart:
            self.points.begin_at(p, hidden)
        self.points.iterate(p, self.steps)
        return Means(*self.points.gradient(p))

    def state(self) -> dict[str, np.ndarray]:
        """The magnetisations of both layers, where they live on."""
        if self.restart:
            return {}
        return {"visible_means": self.points.visible, "hidden_means": self.points.hidden}
