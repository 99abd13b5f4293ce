"""What a search over the number of latent units has seen: one row a size, and the size that was kept.

The bound of a size is the mean negative ELBO of the validation part. Sizes are held against the best one row by row, on
the same data: the error of the difference is that of its means over `BLOCKS` stretches of the part.

A network with a unit more holds the one without it, so bounds past the number that is needed are often equal but for
how well each training went. The fewest units are kept whose bound is above the best one by no more than two errors, or
by no more than an active unit must have of information. (One error for two: L. Breiman, J. Friedman, R. Olshen and
C. Stone, Classification and Regression Trees, 1984, section 3.4.3.) Where a network tears what it maps, as a line does
a circle, few rows have most of the difference, and its error is as large; so it must not lie above in nearly all
stretches either, which has a chance of 1% by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.learned.vae.latent_use import LEAST_DIVERGENCE

#: Stretches of the validation part, one after the other, for errors of differences.
BLOCKS = 10
#: Errors, and nats, that a bound may be above the best one.
ERRORS, NATS = 2.0, LEAST_DIVERGENCE
#: Share of the stretches that a bound may lie above the best one in: 9 of 10 have a chance of 1%.
MOST_ABOVE = 0.9
#: What is kept of each size, with what it is.
COLUMNS = {
    "bound": "mean negative ELBO of the validation part; NaN where the training diverged",
    "above_best": "how far that is above the best one",
    "above_best_error": "standard error of the difference",
    "stretches_above": "share of the stretches of the validation part in which it is above the best one",
    "active_by_variance": "latent units whose means spread over the validation part",
    "active_by_divergence": "latent units with information on it",
    "epochs": "epochs of the training",
    "status": "of the training",
}


@dataclass(frozen=True, eq=False)
class LatentSearch:
    """Sizes side by side, all arrays of shape (sizes,).

    Attributes
    ----------
    latent
        Latent units, fewest first.
    columns
        `COLUMNS` by name; status is text.
    rule, rows
        How the validation part was drawn, and its rows.
    """

    latent: np.ndarray
    columns: dict[str, np.ndarray] = field(repr=False)
    rule: str
    rows: int

    @property
    def alike(self) -> np.ndarray:
        """Whether a size is as good as the best one, by `ERRORS`, `MOST_ABOVE` and `NATS`, shape (sizes,)."""
        above, error = self.columns["above_best"], self.columns["above_best_error"]
        close = (above <= ERRORS * error) & (self.columns["stretches_above"] < MOST_ABOVE)
        return np.asarray(close | (above <= NATS))

    @property
    def chosen(self) -> int:
        """Index of the fewest latent units as good as the best; the first size where no training has a bound."""
        return int(np.argmax(self.alike))

    @property
    def kept(self) -> int:
        """Latent units of the network that was kept."""
        return int(self.latent[self.chosen])

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        columns = {name: values.tolist() for name, values in self.columns.items()}
        return {"kept": self.kept, "alike": self.latent[self.alike].tolist(), "rule": self.rule, "rows": self.rows,
                "latent": self.latent.tolist(), **columns}


def differences(bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far rows of `bounds`, shape (sizes, rows), are above that of the least mean.

    Returns the means, their errors, and the shares of the stretches with a positive mean (0 where there are fewer than
    `BLOCKS`). Rows of NaN stay so. Errors are NaN for fewer than two data.
    """
    means = bounds.mean(axis=1)
    nothing = np.full(len(means), math.nan)
    if not np.isfinite(means).any():
        return nothing, nothing, nothing
    apart = bounds - bounds[int(np.nanargmin(means))]
    blocks = np.array_split(apart, min(BLOCKS, bounds.shape[1]), axis=1)
    own = np.stack([b.mean(axis=1) for b in blocks], axis=1)
    count = own.shape[1]
    error = own.std(axis=1, ddof=1) / math.sqrt(count) if count > 1 else nothing
    # fewer stretches lie above together by chance
    share = (own > 0.0).mean(axis=1) if count == BLOCKS else np.zeros(len(means))
    return apart.mean(axis=1), error, np.where(np.isfinite(means), share, math.nan)
