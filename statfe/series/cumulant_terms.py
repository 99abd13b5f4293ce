"""The cumulant expansion around any trial, to order 8: its terms, by enumeration of all states.

With V = beta E + ln q,

    beta_f = -ln <exp(-V)>_q = sum_{k >= 1} t_k,    t_k = (-1)^(k-1) kappa_k / k!,                          (1)

and the cumulants follow from the moments mu_k = <(V - c)^k>_q about any c near the mean, where little cancels:

    kappa_n = mu_n - sum_{m=1}^{n-1} C(n-1, m-1) kappa_m mu_{n-m},    then c is added to kappa_1            (2)

(P. J. Smith, Am. Stat. 49, 217 (1995)).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from statfe.junction.mixture import interactions
from statfe.kernels.power_sums import power_sums
from statfe.models.ising import IsingModel
from statfe.models.states import bits_of
from statfe.series.drawn_states import States
from statfe.trial import Trial

#: Highest order of an expansion.
HIGHEST_ORDER = 8
#: Most spins whose states are enumerated, and states that are taken at a time.
MAX_SITES, CHUNK = 20, 2**14
#: Blocks of samples that the jackknife leaves out one at a time; each has a stream of its own.
BLOCKS = 64
#: How far the probabilities of a trial may be from adding up to 1.
NORMALISED = 1e-9
#: Rounding errors, in units of the last place.
ROUNDING = 4.0

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Expansion:
    """The first terms of (1) and how well they are known.

    Attributes
    ----------
    kappas
        kappa_1 to kappa_order, float64, shape (order,).
    evaluations
        How each was found: ``analytic``, ``enumeration`` or ``sampling``.
    rounding
        What rounding may leave of each term that is truly 0; shape (order,).
    replicas
        The terms with each block of samples left out, shape (BLOCKS, order); None where nothing was sampled.
    influence
        How much the farthest sample alone moves each term, |V - c|^k / (k! samples); zeros where not sampled.
    drawn
        The states that were drawn; None where nothing was sampled, or they are many.
    """

    kappas: np.ndarray
    evaluations: Sequence[str]
    rounding: np.ndarray
    replicas: np.ndarray | None = field(default=None, repr=False)
    influence: np.ndarray | None = field(default=None, repr=False)
    drawn: States | None = field(default=None, repr=False)

    @property
    def order(self) -> int:
        """The number of terms."""
        return len(self.kappas)

    @property
    def terms(self) -> np.ndarray:
        """t_k of (1); sampled ones without their bias of order 1 / samples."""
        return self.values(lambda terms: terms)

    @property
    def term_errors(self) -> np.ndarray:
        """Jackknife errors of the terms; zeros where they were not sampled."""
        return self.errors(lambda terms: terms)

    @property
    def sums(self) -> np.ndarray:
        """Sums of the first 1, 2, ... terms."""
        return self.values(lambda terms: np.cumsum(terms, axis=-1))

    @property
    def sum_errors(self) -> np.ndarray:
        """Jackknife errors of `sums`: of each sum itself, whose terms are not independent."""
        return self.errors(lambda terms: np.cumsum(terms, axis=-1))

    def values(self, statistic: Statistic) -> np.ndarray:
        """`statistic` of the terms (its last axis), less its bias of order 1 / samples (Quenouille 1956)."""
        with np.errstate(over="ignore", invalid="ignore"):
            plain = np.asarray(statistic(to_terms(self.kappas)))
            if self.replicas is None:
                return plain
            return np.asarray(plain + (BLOCKS - 1) * np.mean(plain - statistic(self.replicas), axis=0))

    def errors(self, statistic: Statistic) -> np.ndarray:
        """Standard errors of `statistic` by the jackknife over blocks (Tukey 1958); 0 where nothing was sampled."""
        if self.replicas is None:
            return np.zeros(np.shape(statistic(to_terms(self.kappas))))
        with np.errstate(over="ignore", invalid="ignore"):
            found = statistic(self.replicas)
            apart = found - found[0]  # exactly 0 where nothing was sampled
            return np.asarray(np.sqrt((BLOCKS - 1) / BLOCKS * np.sum((apart - apart.mean(axis=0)) ** 2, axis=0)))

    def sharing(self, statistic: Statistic) -> float:
        """Effective number of blocks that share the variance of a scalar `statistic`; infinity where it has none.

        Where a few blocks carry it rare samples decide, and the error itself is hardly known.
        """
        if self.replicas is None:
            return math.inf
        with np.errstate(over="ignore", invalid="ignore"):
            apart = statistic(self.replicas)
            apart = apart - apart.mean()
            size = float(np.max(np.abs(apart)))
            # rounding alone, where every sampled term is that of a constant
            if not size > 1e-12 * float(np.max(np.abs(to_terms(self.kappas)))):
                return math.inf
            squares = (apart / size) ** 2
            return float(squares.sum() ** 2 / np.sum(squares**2))

    def outweighed(self, order: int, error: float) -> float:
        """How much the farthest sample alone moves the sum to `order`, in units of its `error`.

        Where that is not small the next sample may be farther still: moments of rare states are not seen at all.
        """
        moved = 0.0 if self.influence is None else float(np.sum(self.influence[:order]))
        return moved / error if error > 0.0 else 0.0

    @property
    def noisy(self) -> list[int]:
        """Orders whose sampling error is larger than their term."""
        return (np.flatnonzero(self.term_errors > np.abs(self.terms)) + 1).tolist()

    @property
    def restricted(self) -> Expansion:
        """A sampled first term alone made the bound of the states drawn, where those are nearly all; else the same."""
        if self.order > 1 or self.replicas is None or self.drawn is None or not self.drawn.little_is_missing:
            return self
        return Expansion(np.array([self.drawn.bound]), self.evaluations, self.rounding, drawn=self.drawn)

    def with_known(self, kappas: np.ndarray) -> Expansion:
        """The same with the first cumulants from elsewhere, in closed form."""
        known = len(kappas)
        if known == 0:
            return self
        replicas, influence = self.replicas, self.influence
        if replicas is not None and influence is not None:
            replicas, influence = replicas.copy(), influence.copy()
            replicas[:, :known], influence[:known] = to_terms(kappas), 0.0
        return Expansion(
            np.append(kappas, self.kappas[known:]), ["analytic"] * known + list(self.evaluations[known:]),
            self.rounding, replicas, influence, self.drawn)


def partial_sum(order: int) -> Statistic:
    """The statistic that adds up the first `order` terms."""
    return lambda terms: np.sum(terms[..., :order], axis=-1)


def to_terms(kappas: np.ndarray) -> np.ndarray:
    """t_k of (1) from cumulants on the last axis."""
    factors = [(-1.0) ** k / math.factorial(k + 1) for k in range(kappas.shape[-1])]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.array(factors) * kappas)


def cumulants_of_moments(moments: np.ndarray, centre: float) -> np.ndarray:
    """Equation (2): cumulants 1 to order from moments 0 to order about `centre`, on the last axis."""
    kappas = _recursion(moments, -1.0)
    kappas[..., 0] += centre
    return kappas


def _recursion(moments: np.ndarray, sign: float) -> np.ndarray:
    order = moments.shape[-1] - 1
    kappas = np.empty((*moments.shape[:-1], order))
    with np.errstate(over="ignore", invalid="ignore"):
        for n in range(1, order + 1):
            rest = sum(math.comb(n - 1, m - 1) * kappas[..., m - 1] * moments[..., n - m] for m in range(1, n))
            kappas[..., n - 1] = moments[..., n] + sign * rest
    return kappas


def states(first: int, count: int, n_sites: int) -> np.ndarray:
    """Spins of the states number `first`, ..., bit i set is s_i = +1; int8, shape (count, n_sites)."""
    return (2 * bits_of(np.arange(first, first + count), n_sites) - 1).astype(np.int8)


def all_states(model: IsingModel, beta: float, trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """V and q of all states in the order of `states`; float64, shape (2^n_sites,).

    Raises
    ------
    ArithmeticError
        If the probabilities of the trial do not add up to 1.
    """
    n = model.n_sites
    V, q = np.empty(1 << n), np.empty(1 << n)
    for first in range(0, 1 << n, CHUNK):
        spins = states(first, min(CHUNK, (1 << n) - first), n)
        log_q, V[first:first + len(spins)] = exponents(model, beta, trial, spins)
        q[first:first + len(spins)] = np.exp(log_q)
    if not abs(float(q.sum()) - 1.0) <= NORMALISED:
        raise ArithmeticError(f"the probabilities of the trial add up to {q.sum():.12g}")
    return V, q


def by_enumeration(model: IsingModel, beta: float, trial: Trial, order: int) -> Expansion:
    """Terms from sums over all 2^n_sites states (at most 2^`MAX_SITES`)."""
    return of_states(*all_states(model, beta, trial), order, "enumeration")


def of_states(V: np.ndarray, q: np.ndarray, order: int, evaluation: str) -> Expansion:
    """Terms from the values of V and their weights q, float64, shape (count,)."""
    sums, sizes = np.empty(order + 1), np.empty(order + 1)
    centre = float(V[np.argmax(q)])
    with np.errstate(over="ignore", invalid="ignore"):
        # twice towards the mean: moments about it cancel least
        for _ in range(2):
            power_sums(V, q, centre, sums, sizes)
            centre += float(sums[1] / sums[0])
        power_sums(V, q, centre, sums, sizes)
    return Expansion(
        cumulants_of_moments(sums / sums[0], centre), [evaluation] * order, _rounding(sizes, centre))


def _rounding(sizes: np.ndarray, centre: float) -> np.ndarray:
    """What rounding may leave of terms, from the absolute moments about the mean: (2) with all signs made +.

    Powers and sums are rounded relative to themselves; V before, at the size of its parts.
    """
    order = len(sizes) - 1
    unit = ROUNDING * np.finfo(float).eps
    blur = unit * max(abs(centre), 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        blurred = np.array([
            sum(math.comb(k, j) * blur ** (k - j) * sizes[j] for j in range(k + 1)) for k in range(order + 1)])
        plain, more = _recursion(sizes, 1.0), _recursion(blurred, 1.0)
        return np.abs(to_terms(more - plain + unit * more))


def exponents(model: IsingModel, beta: float, trial: Trial, spins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln q, and V = beta E + ln q without the model's offset, of spins of shape (count, n_sites)."""
    log_q = trial.log_prob(spins)
    with np.errstate(over="ignore", invalid="ignore"):
        return log_q, np.asarray(log_q - beta * interactions(model, spins))
