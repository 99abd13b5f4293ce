"""The course of a training: parameters, phases and optimiser, moved by one epoch at a time.

With centres mu (visible) and lambda (hidden), and D_x = <x>_data - <x>_machine, the centred gradient is

    G_W = D_vh - mu D_h - D_v lambda,   G_a = D_v - G_W lambda,   G_b = D_h - mu G_W,                             (1)

which is the plain one for mu = lambda = 0 (J. Melchior, A. Fischer and L. Wiskott, JMLR 17, 1 (2016)).
"""

from __future__ import annotations

import numpy as np

from statfe.kernels.rbm import centred_difference
from statfe.machines.gibbs import PRECISIONS, Parameters, Real, Units
from statfe.machines.optimiser import AdamClimb, Momentum, Optimiser
from statfe.machines.phases import (
    ContrastivePhase,
    ExactPhase,
    PersistentPhase,
    Phase,
    TapPhase,
    TemperedPhase,
    means_of_rows,
)
from statfe.machines.rbm import Rbm
from statfe.machines.settings import Settings
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
    """A training while it goes on. `data` is int8 or float, shape (n, n_visible), kept and never changed."""

    def __init__(self, data: np.ndarray, settings: Settings, seed: int) -> None:
        self.data, self.settings, self.seed = data, settings, seed
        self.dtype: Real = PRECISIONS[settings.precision]
        n_visible = data.shape[1]
        self.parameters = Parameters(n_visible, settings.hidden, self.dtype)
        self.gradient = Parameters(n_visible, settings.hidden, self.dtype)
        self.units = Units(self.dtype, seed)
        rng = generator(seed, START_KEY)
        means = data.mean(axis=0, dtype=np.float64)
        smooth = (len(data) * means + 0.5) / (len(data) + 1.0)
        self.parameters.a[:] = np.log(smooth / (1.0 - smooth))
        self.parameters.W[:] = settings.scale * rng.standard_normal(self.parameters.W.shape)
        self.centre_visible = means.astype(self.dtype) if settings.centred else np.zeros(n_visible, self.dtype)
        self.centre_hidden = np.full(settings.hidden, 0.5 if settings.centred else 0.0, self.dtype)
        self.optimiser: Optimiser = (
            AdamClimb(self.parameters.layout.size, self.dtype) if settings.optimiser == "adam"
            else Momentum(self.parameters.layout.size, self.dtype, settings.momentum))
        self.phase = self._phase(rng)
        self.epochs = 0

    def _phase(self, rng: np.random.Generator) -> Phase:
        s, chains = self.settings, self.settings.chains or self.settings.batch
        if s.algorithm == "exact":
            return ExactPhase()
        if s.algorithm == "cd":
            return ContrastivePhase(self.units, s.steps)
        start = self.data[rng.integers(0, len(self.data), chains)].astype(self.dtype)
        if s.algorithm == "tap":
            return TapPhase(self.parameters, s.steps, start, s.order, s.restart)
        start = self.units.draw(start)
        if s.algorithm == "pt":
            # the biases are still those of the data alone
            return TemperedPhase(self.units, s.steps, start, s.levels, self.parameters.a)
        return PersistentPhase(self.units, s.steps, start)

    def state(self) -> dict[str, np.ndarray]:
        """All arrays that change; filled in place, they bring the course back."""
        return {
            "parameters": self.parameters.vector, "streams": self.units.streams, "centre_hidden": self.centre_hidden,
            **{f"optimiser_{name}": x for name, x in self.optimiser.state().items()},
            **{f"phase_{name}": x for name, x in self.phase.state().items()}}

    def epoch(self) -> bool:
        """See all data once; False as soon as the parameters leave what a machine can hold."""
        s = self.settings
        order = generator(self.seed, (ORDER_KEY, self.epochs)).permutation(len(self.data))
        rate = float(s.rate or 0.0) * s.rate_decay**self.epochs
        for number, first in enumerate(range(0, len(order), s.batch)):
            self.step(self.data[order[first:first + s.batch]].astype(self.dtype), rate)
            if number % LOOK == 0 and not self.is_sound():
                return False
        if not self.is_sound():
            return False
        self.epochs += 1
        return True

    def step(self, visible: np.ndarray, rate: float) -> None:
        """One step up the gradient of a minibatch."""
        hidden = self.units.hidden(self.parameters, visible)
        self.fill_gradient(visible, hidden)
        if self.settings.centred:
            share = self.dtype(CENTRE_SHARE)
            self.centre_hidden += share * (hidden.mean(axis=0) - self.centre_hidden)
        self.optimiser.climb(self.parameters.vector, self.gradient.vector, rate)

    def fill_gradient(self, visible: np.ndarray, hidden: np.ndarray) -> None:
        """The gradient (1) of the mean of ln p, less the weight decay; `hidden` is p(h = 1 | visible)."""
        p, out = self.parameters, self.gradient
        machine = self.phase.means(p, hidden)
        data = means_of_rows(visible, hidden)
        more_visible, more_hidden = data.visible - machine.visible, data.hidden - machine.hidden
        centred_difference(
            data.both, machine.both, self.centre_visible, more_visible, self.centre_hidden, more_hidden,
            out.W)
        out.a[:] = more_visible - out.W @ self.centre_hidden
        out.b[:] = more_hidden - self.centre_visible @ out.W
        if self.settings.decay:
            out.W -= self.dtype(self.settings.decay) * p.W

    def is_sound(self) -> bool:
        """Whether all parameters are numbers of a size that means something."""
        return bool(np.abs(self.parameters.vector).max() <= LARGEST)  # False for NaN

    def machine(self, spec: str = "rbm") -> Rbm:
        """The machine as it is now, in double precision."""
        p = self.parameters
        return Rbm(p.a, p.b, p.W, spec)
