"""What cumulants recover of the gap between a VAE's bound and -ln p(x), order by order, over test points.

Trained models on bars in noise, on critical Ising configurations (spins), and on the digits of scikit-learn where
it is installed; latent dimension 2 and 3. F_p is by quadrature, and so are the cumulants, so that what is seen is the
series and no noise. `STATFE_BENCH_POINTS` says how many test points a model (130; 520 in all, or 780 with digits).
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import statfe
from statfe.learned.vae.cumulants import expand
from statfe.learned.vae.model import VaeShape
from statfe.learned.vae.posterior import Posterior
from statfe.learned.vae.quadrature import quadrature
from statfe.learned.vae.training import TrainingOptions, fit_vae
from statfe.series.cumulant_resummation import smallest_term

POINTS = int(os.environ.get("STATFE_BENCH_POINTS", "130"))
ORDER, TRAIN = 6, 4000


def bars() -> np.ndarray:
    """8 x 8: rows or columns that are on, one unit in twenty flipped."""
    rng = np.random.default_rng(1)
    on, upright = rng.random((TRAIN + POINTS, 8)) < 0.35, rng.random(TRAIN + POINTS) < 0.5
    square = np.repeat(on[:, None, :], 8, axis=1)
    clean = np.where(upright[:, None, None], square, square.transpose(0, 2, 1)).reshape(-1, 64)
    return (clean ^ (rng.random(clean.shape) < 0.05)).astype(float)


def ising() -> np.ndarray:
    """8 x 8 at beta = 0.44, independent draws."""
    rng = np.random.default_rng(2)
    exact = statfe.exact_distribution("ising:shape=8x8", 0.44)
    return np.asarray(exact.sample(TRAIN + POINTS, rng), dtype=float)


def digits() -> np.ndarray:
    """8 x 8 grey values above half of the largest, in random order."""
    found = pytest.importorskip("sklearn.datasets").load_digits().data
    return (np.random.default_rng(3).permutation(found) > 8.0).astype(float)


@pytest.mark.parametrize("source", [bars, ising, digits])
@pytest.mark.parametrize("latent", [2, 3])
def test_share_of_the_gap(source, latent, figure, capsys):
    data = source()
    train, test = data[:-POINTS], data[-POINTS:]
    likelihood = "spin" if data.min() < 0 else "bernoulli"
    trained = fit_vae(
        train, VaeShape(64, latent, (64,), (64,), likelihood), epochs=40, test=test,
        options=TrainingOptions(batch=64, rate=2e-3, warm_up=8, seed=1))
    gaps, errors, noises, stops, ends = [], [], [], [], []
    for x in test:
        point = Posterior(trained.vae, x)
        exact = quadrature(point, 0)
        if exact.status != "converged":
            continue
        terms = expand(point, ORDER, 0)
        gaps.append(terms.sums[0] - exact.beta_f)
        errors.append(terms.sums - exact.beta_f)
        noises.append(np.cumsum(terms.rounding) + exact.beta_f_error)
        stops.append(smallest_term(terms.terms, terms.rounding))
        ends.append(errors[-1][stops[-1] - 1])
    gap, error = np.array(gaps), np.abs(np.array(errors))
    best, noise = np.abs(np.array(ends)), np.array(noises)
    with capsys.disabled():
        print(f"\n{source.__name__}, latent {latent}: {len(gap)} of {len(test)} points, -ELBO {np.mean(gap):.3f} nats "
              f"above F_p on average (median {np.median(gap):.3f}), test bound {trained.history['test_bound'][-1]:.2f}")
        print("order  share of the mean gap left  median |error| / gap  nearer than the ELBO  than the order before  "
              "known to 10%")
        for k in range(1, ORDER):
            print(f"{k + 1:5d}  {error[:, k].mean() / gap.mean():26.3f}  {np.median(error[:, k] / gap):20.3f}  "
                  f"{np.mean(error[:, k] < gap):20.3f}  {np.mean(error[:, k] < error[:, k - 1]):21.3f}  "
                  f"{np.mean(noise[:, k] < 0.1 * error[:, k]):12.3f}")
        print(f" rule  {best.mean() / gap.mean():26.3f}  {np.median(best / gap):20.3f}  {np.mean(best < gap):20.3f}   "
              f"stops at {np.bincount(stops, minlength=ORDER + 1)[2:].tolist()} (orders 2 to {ORDER})")
    figure(f"{source.__name__}, latent {latent}: points whose bound lies below F_p", "0", str(int((gap < -1e-6).sum())))
    assert len(gap) > 0.9 * len(test)
    assert np.all(gap > -1e-6)
