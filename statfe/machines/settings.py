"""What a training is: its settings, checked once."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from statfe.errors import UsageError
from statfe.machines.exact_phase import MAX_UNITS
from statfe.machines.gibbs import PRECISIONS
from statfe.registry import check_integer

#: Ways to the negative phase, see `statfe.machines.phases`.
ALGORITHMS = ("pcd", "cd", "pt", "tap", "exact", "ratio", "score")
#: What visible units can be.
VISIBLE = ("bernoulli", "gaussian")
#: Ways of a step along the gradient.
OPTIMISERS = ("momentum", "adam")
#: Rates that suit the two optimisers.
RATES = {"momentum": 0.05, "adam": 0.002}
#: Settings that some trainings alone have: which setting decides, and at which of its values.
BELONGS = {
    "steps": ("algorithm", ("pcd", "cd", "pt", "tap")), "chains": ("algorithm", ("pcd", "pt", "tap")),
    "levels": ("algorithm", ("pt",)), "order": ("algorithm", ("tap",)), "momentum": ("optimiser", ("momentum",)),
    "noise": ("visible", ("gaussian",))}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a training; all but `epochs` must stay the same when it goes on.

    Attributes
    ----------
    hidden
        Number of hidden units.
    visible
        ``bernoulli``: values in [0, 1]; ``gaussian``: any numbers, see `statfe.machines.gaussian_rbm`.
    noise
        Of Gaussian units: sigma as a share of the standard deviation of their column (that of a constant column, which
        tells nothing of a scale, is the median of the others'). It stays as it is: columns are measured in their
        deviations, so one number is left to choose, and its gradient is far stiffer than that of weights (K. Cho,
        A. Ilin and T. Raiko, ICANN 2011). Compare some values by their test log-likelihood, or take a Gaussian
        autoencoder, which learns a variance a column.
    algorithm, steps
        Negative phase, and its Gibbs steps (or TAP iterations) a gradient. ``ratio`` (Bernoulli) and ``score``
        (Gaussian) have none: they lower an objective without Z, see `statfe.machines.objectives`.
    chains
        Persistent chains, or TAP points; as many as a batch has samples when None.
    levels
        Levels of `pt` between the biases of the data alone and the machine.
    order
        Of the TAP free energy in the weights, 2 or 3.
    restart
        Whether TAP points start from the data of each batch; else they live through the training.
    epochs, batch
        Times that all data are seen; samples of a minibatch.
    optimiser, rate, rate_decay, momentum
        Steps of `rate` times `rate_decay` to the power of the epoch; `momentum` for that optimiser alone.
    decay
        Weight decay: this times W is taken off the gradient.
    centred
        Whether units are centred: at the means of the data, and at a running mean of the hidden units.
    scale
        Standard deviation of the first weights.
    precision
        ``single`` or ``double``.
    stream
        Whether the rows stay in their file, see `statfe.datasets.rows`: another order of the data, so other bits.
    """

    hidden: int
    visible: str = "bernoulli"
    noise: float = 1.0
    algorithm: str = "pcd"
    steps: int = 1
    chains: int | None = None
    levels: int = 8
    order: int = 2
    restart: bool = False
    epochs: int = 10
    batch: int = 100
    optimiser: str = "momentum"
    rate: float | None = None
    rate_decay: float = 1.0
    momentum: float = 0.5
    decay: float = 0.0
    centred: bool = True
    scale: float = 0.01
    precision: str = "single"
    stream: bool = False

    def checked(self, n_samples: int, n_visible: int) -> Settings:
        """The settings with defaults filled in; `UsageError` names the first that does not fit the data."""
        for name, least in (("hidden", 1), ("steps", 1), ("levels", 2), ("epochs", 0), ("batch", 1)):
            check_integer(name, getattr(self, name), least)
        for name, known in (("algorithm", ALGORITHMS), ("visible", VISIBLE), ("stream", (True, False)),
                            ("optimiser", OPTIMISERS), ("precision", tuple(PRECISIONS)), ("order", (2, 3))):
            if getattr(self, name) not in known:
                raise UsageError(f"{name} must be one of {', '.join(map(str, known))}; got {getattr(self, name)!r}")
        rate = RATES[self.optimiser] if self.rate is None else self.rate
        for name, value, low, high in (
                ("rate", rate, 0.0, math.inf), ("rate_decay", self.rate_decay, 0.0, 1.0),
                ("momentum", self.momentum, 0.0, 0.9999), ("decay", self.decay, 0.0, math.inf),
                ("scale", self.scale, 0.0, math.inf), ("noise", self.noise, 1e-6, 1e6)):
            _check_number(name, value, low, high)
        self._check_algorithm(n_visible)
        if n_samples < 2:
            raise UsageError("one sample is no distribution to learn; give at least 2")
        if self.batch > n_samples:
            raise UsageError(f"a batch of {self.batch} is larger than the {n_samples} samples; lower batch")
        chains = self.batch if self.chains is None else check_integer("chains", self.chains, 1)
        return Settings(**{**asdict(self), "rate": float(rate), "chains": chains})

    def _check_algorithm(self, n_visible: int) -> None:
        gaussian = self.visible == "gaussian"
        if self.algorithm == "exact" and (self.hidden if gaussian else min(self.hidden, n_visible)) > MAX_UNITS:
            layer = "hidden" if gaussian else "smaller"
            raise UsageError(f"exact gradients need at most {MAX_UNITS} units in the {layer} layer; take pcd")
        if self.algorithm == "ratio" and gaussian:
            raise UsageError("ratio matching is for units 0 and 1; take score for Gaussian visible units")
        if self.algorithm == "score" and not gaussian:
            raise UsageError("score matching is for Gaussian visible units; take ratio for units 0 and 1")
        if self.restart and (self.algorithm != "tap" or gaussian):
            raise UsageError("restart is for TAP points of units 0 and 1; leave it out")
        if self.algorithm == "tap" and gaussian and self.order != 2:
            raise UsageError("with Gaussian visible units TAP is of order 2 in the couplings of the hidden units; "
                             "take order 2")

    def differences(self, other: Settings) -> list[str]:
        """Names of the settings that differ, `epochs` apart."""
        return [f.name for f in fields(self)
                if f.name != "epochs" and getattr(self, f.name) != getattr(other, f.name)]

    def to_dict(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


def check_given(given: dict[str, Any], settings: Settings) -> None:
    """Refuse settings that were given, other than by default, to a training that has none such."""
    for name, (decides, where) in BELONGS.items():
        value = getattr(settings, decides)
        if given.get(name, getattr(Settings, name)) != getattr(Settings, name) and value not in where:
            raise UsageError(f"{name} is not for {decides} {value}, but for {', '.join(where)}; leave it out")


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high or (
            not math.isfinite(value)):
        raise UsageError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
