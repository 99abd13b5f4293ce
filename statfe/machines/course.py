"""The course of a training: parameters, phases and optimiser, moved by one epoch at a time.

With centres mu (visible) and lambda (hidden), and D_x = <x>_data - <x>_machine, the centred gradient is

    G_W = D_vh - mu D_h - D_v lambda,   G_a = D_v - G_W lambda,   G_b = D_h - mu G_W,                             (1)

which is the plain one for mu = lambda = 0 (J. Melchior, A. Fischer and L. Wiskott, JMLR 17, 1 (2016)).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from statfe.datasets.rows import MemoryRows, Rows, Survey, survey
from statfe.executors import Crew, even_blocks
from statfe.machines.contrastive_steps import ContrastiveSteps
from statfe.machines.gaussian_rbm import GaussianRbm
from statfe.machines.gaussian_tap import GaussianTapPhase
from statfe.machines.gaussian_units import ExactGaussianPhase, GaussianUnits
from statfe.machines.gibbs import PRECISIONS, Parameters, Real, Units
from statfe.machines.objectives import OBJECTIVES, RatioMatching, ScoreMatching
from statfe.machines.optimiser import AdamClimb, Momentum, Optimiser
from statfe.machines.phases import (
    ContrastivePhase,
    ExactPhase,
    Means,
    PersistentPhase,
    Phase,
    RowMeans,
    TapPhase,
    TemperedPhase,
)
from statfe.machines.rbm import Rbm
from statfe.machines.settings import Settings
from statfe.machines.slopes import Slopes
from statfe.random import generator

#: Keys of the random streams of the first weights and chains, and of the order of the data in an epoch.
START_KEY, ORDER_KEY = 9202, 9203
#: Share of the new batch in the running centre of the hidden units.
CENTRE_SHARE = 0.01
#: A weight or bias beyond this is no machine any more: exp of it is beyond 1e43.
LARGEST = 100.0
#: Minibatches between two looks at the size of the parameters.
LOOK = 50


class Course:
    """A training while it goes on.

    Attributes
    ----------
    rows, facts
        The data, never changed, and what a survey of them found.
    shift, sigma
        Gaussian visible units are trained as (v - shift) / sigma, float64, shape (n_visible,): the means of the
        columns, and sigma of the machine; zeros and ones for units in [0, 1].
    """

    def __init__(
        self, data: Rows | np.ndarray, settings: Settings, seed: int, facts: Survey | None = None, workers: int = 1
    ) -> None:
        self.rows = rows = data if isinstance(data, Rows) else MemoryRows(data)
        self.facts = facts = facts or survey(rows)
        self.settings, self.seed = settings, seed
        self.crew = Crew(workers)
        self.dtype: Real = PRECISIONS[settings.precision]
        n_visible = rows.shape[1]
        gaussian = settings.visible == "gaussian"
        self.sigma = settings.noise * _scales(facts) if gaussian else np.ones(n_visible)
        self.shift = facts.means if gaussian else np.zeros(n_visible)
        self.parameters = Parameters(n_visible, settings.hidden, self.dtype)
        self.gradient = Parameters(n_visible, settings.hidden, self.dtype, place=1)
        kind = GaussianUnits if gaussian else Units
        self.units = kind(self.dtype, seed, self.crew)
        rng = generator(seed, START_KEY)
        means = facts.means - self.shift
        smooth = (len(rows) * means + 0.5) / (len(rows) + 1.0)
        self.parameters.a[:] = 0.0 if gaussian else np.log(smooth / (1.0 - smooth))
        self.parameters.W[:] = settings.scale * rng.standard_normal(self.parameters.W.shape)
        self.centre_visible = means.astype(self.dtype) if settings.centred else np.zeros(n_visible, self.dtype)
        self.centre_hidden = np.full(settings.hidden, 0.5 if settings.centred else 0.0, self.dtype)
        self._nothing = Means(
            np.zeros(n_visible, self.dtype), np.zeros(settings.hidden, self.dtype),
            np.zeros((n_visible, settings.hidden), self.dtype))
        self.optimiser: Optimiser = (
            AdamClimb(self.parameters.layout.size, self.dtype, self.crew) if settings.optimiser == "adam"
            else Momentum(self.parameters.layout.size, self.dtype, settings.momentum, self.crew))
        self.phase = self._phase(rng)
        self.team: ContrastiveSteps | None = None
        if isinstance(self.phase, (ContrastivePhase, PersistentPhase)) and self.dtype == np.float32 and not gaussian:
            self.team = ContrastiveSteps(
                settings, self.parameters, self.gradient, self.optimiser, self.phase, self.units,
                (self.centre_visible, self.centre_hidden), CENTRE_SHARE if settings.centred else 0.0, self.crew)
        self.epochs = 0

    def _phase(self, rng: np.random.Generator) -> Phase | RatioMatching | ScoreMatching:
        s, chains = self.settings, self.settings.chains or self.settings.batch
        gaussian = s.visible == "gaussian"
        if s.algorithm in OBJECTIVES:
            return OBJECTIVES[s.algorithm]()
        if s.algorithm == "exact":
            return ExactGaussianPhase() if gaussian else ExactPhase()
        if s.algorithm == "cd":
            return ContrastivePhase(self.units, s.steps)
        start = self.in_units(self.rows.pick(rng.integers(0, len(self.rows), chains)))
        if s.algorithm == "tap":
            return (GaussianTapPhase(self.parameters, s.steps, start) if gaussian
                    else TapPhase(self.parameters, s.steps, start, s.order, s.restart))
        start = start if gaussian else self.units.draw(start)
        if s.algorithm == "pt":
            # the biases are still those of the data alone
            return TemperedPhase(self.units, s.steps, start, s.levels, self.parameters.a)
        return PersistentPhase(self.units, s.steps, start)

    def in_units(self, rows: np.ndarray) -> np.ndarray:
        """Rows of data as the training has them."""
        if self.settings.visible == "gaussian":
            return np.asarray((rows - self.shift) / self.sigma, dtype=self.dtype)
        return rows.astype(self.dtype)

    def state(self) -> dict[str, np.ndarray]:
        """All arrays that change; filled in place, they bring the course back."""
        return {
            "parameters": self.parameters.vector, "streams": self.units.streams, "centre_hidden": self.centre_hidden,
            **{f"optimiser_{name}": x for name, x in self.optimiser.state().items()},
            **{f"phase_{name}": x for name, x in self.phase.state().items()}}

    def epoch(self) -> bool:
        """See all data once; False as soon as the parameters leave what a machine can hold."""
        s = self.settings
        order = generator(self.seed, (ORDER_KEY, self.epochs))
        rate = float(s.rate or 0.0) * s.rate_decay**self.epochs
        batches = self.rows.batches(order, s.batch)
        for _ in self._steps(batches, rate) if self.team is None else self.team.steps(batches, rate):
            if not self.is_sound():
                return False
        if not self.is_sound():
            return False
        self.epochs += 1
        return True

    def _steps(self, batches: Iterator[np.ndarray], rate: float) -> Iterator[None]:
        """A step for each of `batches`; yields where parameters may be looked at."""
        for number, rows in enumerate(batches):
            self.step(self.in_units(rows), rate)
            if number % LOOK == 0:
                yield

    def step(self, visible: np.ndarray, rate: float) -> None:
        """One step up the gradient of a minibatch."""
        hidden = self.units.hidden(self.parameters, visible)
        self.fill_gradient(visible, hidden)
        if self.settings.centred:
            share = self.dtype(CENTRE_SHARE)
            self.centre_hidden += share * (hidden.mean(axis=0) - self.centre_hidden)
        self.optimiser.climb(self.parameters.vector, self.gradient.vector, rate)

    def fill_gradient(self, visible: np.ndarray, hidden: np.ndarray) -> None:
        """The gradient (1) of the mean of ln p, less the weight decay; `hidden` is p(h = 1 | visible).

        That of an objective without Z has no second phase, and is centred likewise.
        """
        p, out = self.parameters, self.gradient
        data, machine = self._sides(visible, hidden)
        slopes = Slopes(data, machine, self.centre_visible, self.centre_hidden)
        blocks = even_blocks(len(out.a), len(visible) * out.W.size)
        shifts = np.empty((len(blocks), len(out.b)), self.dtype)

        def centre(k: int) -> None:
            rows = blocks[k]
            slopes.fill(rows, out.a[rows], out.W[rows])
            out.a[rows] -= out.W[rows] @ self.centre_hidden
            shifts[k] = self.centre_visible[rows] @ out.W[rows]
            if self.settings.decay:
                out.W[rows] -= self.dtype(self.settings.decay) * p.W[rows]

        self.crew.run(centre, len(blocks))
        out.b[:] = slopes.more_hidden - shifts.sum(axis=0)

    def _sides(self, visible: np.ndarray, hidden: np.ndarray) -> tuple[Means | RowMeans, Means | RowMeans]:
        """What the gradient pulls up and down."""
        if isinstance(self.phase, (RatioMatching, ScoreMatching)):
            return self.phase.descent(self.parameters, visible).slopes, self._nothing
        return RowMeans(visible, hidden), self.phase.means(self.parameters, hidden)

    def is_sound(self) -> bool:
        """Whether all parameters are numbers of a size that means something."""
        values = self.parameters.vector
        return bool(values.max() <= LARGEST and values.min() >= -LARGEST)  # False for NaN

    def machine(self, spec: str = "rbm") -> Rbm:
        """The machine as it is now, in double precision and the units of the data."""
        p = self.parameters
        if self.settings.visible == "gaussian":
            W = p.W.astype(np.float64)
            return GaussianRbm(
                self.shift + self.sigma * p.a, p.b - (self.shift / self.sigma) @ W, self.sigma[:, None] * W, spec,
                sigma=self.sigma)
        return Rbm(p.a, p.b, p.W, spec)


def _scales(facts: Survey) -> np.ndarray:
    """Standard deviations of the columns; that of a constant one is the median of the others' (1 without others)."""
    found = np.sqrt(facts.variances)
    others = found[~facts.constant]
    return np.where(facts.constant, np.median(others) if len(others) else 1.0, found)
