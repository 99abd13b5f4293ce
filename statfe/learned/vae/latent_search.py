"""How many latent units: train one network a size, and keep the smallest as good as the best on a validation part.

A network with too many units often ends in a worse optimum with a unit too many: a training of its own for each size
has the better bound where the number is right. The part that decides is neither that of the training nor that of the
test (`statfe.datasets.validation`), so what is then said of the test part has not been chosen by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from statfe.datasets.rows import Rows
from statfe.errors import SpecError, UsageError
from statfe.learned.vae.latent_table import LatentSearch, differences
from statfe.learned.vae.latent_use import LatentUse, latent_use
from statfe.learned.vae.model import Vae, VaeShape
from statfe.learned.vae.rows import bound_rows
from statfe.learned.vae.standard import Standard
from statfe.learned.vae.training import TrainedVae, TrainingOptions, fit_vae
from statfe.random import generator
from statfe.spec import parse_grid

#: Key of the random stream of the bounds (see `statfe.random.generator`).
VALIDATION_KEY = 9213
#: Samples of each row's bound, and rows whose bound is computed at a time.
SAMPLES, ROWS = 8, 4096
#: Sizes at most in one search.
MOST = 64
#: What is kept of a size until all are there: the training, bounds of the rows, use of the units.
Tried = tuple[TrainedVae, np.ndarray, LatentUse]


def sizes_of(latent: str | int | Sequence[int] | np.ndarray) -> int | list[int]:
    """One number of latent units from text such as ``3``, or sizes to search from ``1,2,4`` or ``1:6:6``.

    Raises
    ------
    UsageError
        Where those are no whole numbers above 0, or one comes twice.
    """
    try:
        grid = parse_grid(latent)
    except SpecError:
        raise UsageError(
            f"latent={latent}: give a whole number, sizes such as 1,2,3, or start:stop:count such as 1:6:6") from None
    if np.any(grid != np.round(grid)) or np.any(grid < 1):
        raise UsageError(f"latent={latent}: latent units are whole numbers, 1 or more")
    sizes = sorted(int(n) for n in grid)
    if len(set(sizes)) < len(sizes) or len(sizes) > MOST:
        raise UsageError(f"latent={latent}: give every size once, and at most {MOST} sizes")
    listed = ":" in latent or "," in latent if isinstance(latent, str) else np.ndim(latent) > 0
    return sizes if listed else sizes[0]


def search_latent(
    train: np.ndarray | Rows,
    validation: np.ndarray,
    shape: VaeShape,
    sizes: Sequence[int],
    *,
    epochs: int,
    options: TrainingOptions,
    rule: str = "rows given",
    test: np.ndarray | None = None,
    workers: int = 1,
    standard: Standard | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> TrainedVae:
    """The smallest network of a validation bound as good as the best, with the table of all of them as its `search`.

    Parameters
    ----------
    train, test, epochs, options, workers, standard
        As in `statfe.learned.vae.training.fit_vae`; every size has the same seed.
    validation
        Rows that decide, shape (count, visible).
    shape
        Of the networks but for their latent units.
    sizes
        Latent units; the same in any order.
    rule
        How the validation part was drawn, in words.

    Raises
    ------
    UsageError
        For an autoencoder, which has no bound, and data that do not belong to the model.
    """
    if options.objective == "autoencoder":
        raise UsageError("an autoencoder has no bound to choose its latent units by: its error falls with each unit; "
                         "search with --objective elbo, then train the autoencoder with the number found")
    rows, sizes = shape.check(validation), sorted(sizes)
    found: list[Tried] = []
    for number, latent in enumerate(sizes):

        def tell(state: TrainedVae, number: int = number, latent: int = latent) -> None:
            if progress is not None:
                progress(f"{latent} latent", (number + state.epochs / max(epochs, 1)) / len(sizes))

        trained = fit_vae(
            train, replace(shape, latent=latent), epochs=epochs, options=options, test=test, after_epoch=tell,
            workers=workers, standard=standard)
        bounds = np.full(len(rows), math.nan)
        if trained.status == "converged":
            bounds = validation_bounds(trained.vae, rows, options.seed)
            if not math.isfinite(float(bounds.mean())):
                bounds = np.full(len(rows), math.nan)
                trained = replace(trained, status="diverged", message="the bound of the validation part is not finite: "
                                  "train anew with a lower rate or a longer warm-up")
        found.append((trained, bounds, latent_use(trained.vae, rows)))
    search = _table(found, rule)
    return replace(found[search.chosen][0], search=search)


def validation_bounds(vae: Vae, rows: np.ndarray, seed: int) -> np.ndarray:
    """The negative ELBO of each row, the mean of `SAMPLES` samples, shape (count,)."""
    rng = generator(seed, VALIDATION_KEY)
    return np.concatenate([
        bound_rows(vae, rows[k:k + ROWS], rng.standard_normal((len(rows[k:k + ROWS]), SAMPLES, vae.shape.latent)))
        for k in range(0, len(rows), ROWS)])


def _table(found: Sequence[Tried], rule: str) -> LatentSearch:
    bounds = np.stack([b for _, b, _ in found])
    above, error, share = differences(bounds)
    return LatentSearch(
        np.array([t.vae.shape.latent for t, _, _ in found], dtype=np.int32), {
            "bound": bounds.mean(axis=1), "above_best": above, "above_best_error": error,
            "stretches_above": share,
            "active_by_variance": np.array([use.by_variance for _, _, use in found], dtype=np.int32),
            "active_by_divergence": np.array([use.by_divergence for _, _, use in found], dtype=np.int32),
            "epochs": np.array([t.epochs for t, _, _ in found], dtype=np.int32),
            "status": np.array([t.status for t, _, _ in found], dtype=object)}, rule, bounds.shape[1])
