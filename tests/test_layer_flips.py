"""Two layers with the large one summed out: the same law in parts or whole, where it is used, and strong machines."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from statfe.annealed.bracket import bracket
from statfe.annealed.layers import MOST_LOG, LayerWalkers, flip_part, layers_of, listed_log_weights, trial_small
from statfe.annealed.route import routes
from statfe.annealed.verdict import limits_of
from statfe.errors import UsageError
from statfe.machines.rbm import Rbm
from statfe.methods.sampled.ais import outcome
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method


def patterns(visible: int = 60, hidden: int = 6, seed: int = 0) -> IsingModel:
    """A machine whose units stand for patterns that exclude each other, with units that are off in between."""
    rng = np.random.default_rng(seed)
    W = np.where(rng.random((visible, hidden)) < 0.25, 4.0, -1.0) + rng.normal(0.0, 0.3, (visible, hidden))
    a = np.full(visible, -2.5)
    gain = np.logaddexp(0.0, a[:, None] + W).sum(axis=0) - np.logaddexp(0.0, a).sum()
    return Rbm(a, rng.normal(0.0, 1.0, hidden) - gain, W, "patterns").ising()


def exact(model: IsingModel) -> float:
    layers = layers_of(model)
    assert layers is not None
    return model.offset - float(np.logaddexp.reduce(listed_log_weights(layers, 1.0)))


def test_products_in_parts_give_the_same_walk():
    model = patterns()
    layers = layers_of(model)
    assert layers is not None
    laws = np.stack([np.linspace(0.0, 1.0, 9), np.linspace(1.0, 0.0, 9)], axis=1)
    tilts = np.linspace(-0.5, 0.8, model.n_sites)
    start = trial_small(layers, tilts, 70, 1, 2)
    found = []
    for part in (8, 24, layers.rows()):
        walkers = LayerWalkers(model, layers, laws, start, tilts, 3, part)
        for group, own in enumerate(walkers.groups):
            found.append(walkers.stretch(group, np.arange(9), 2, np.zeros(own.stop - own.start)))
    for k in (0, 1):
        assert found[2 + k] == pytest.approx(found[k], rel=1e-11, abs=1e-11)
        assert found[4 + k] == pytest.approx(found[k], rel=1e-11, abs=1e-11)


def test_weights_on_the_way_are_those_of_the_laws():
    """Without moves the steps add up to the ratio of the last law to the first, by the other kernel."""
    model = patterns()
    layers = layers_of(model)
    assert layers is not None
    laws = np.array([[0.0, 1.0], [0.3, 0.9], [1.2, -0.4]])
    tilts = np.linspace(-0.5, 0.8, model.n_sites)
    walkers = LayerWalkers(model, layers, laws, trial_small(layers, tilts, 64, 1, 2), tilts, 3, layers.rows())
    expected = walkers.log_ratio(0, 0, 2)
    assert walkers.stretch(0, np.arange(3), 0, np.zeros(64))[-1] == pytest.approx(expected, rel=1e-12, abs=1e-11)


def test_where_products_would_overflow_they_are_cut_or_layers_are_drawn():
    layers = layers_of(patterns())
    assert layers is not None
    assert flip_part(layers, 1.0) == layers.rows()
    part = flip_part(layers, 20.0)
    assert 0 < part < layers.rows()
    sums = [80.0 * np.abs(layers.weights[k:k + part]).sum(axis=0).max() for k in range(0, len(layers.large), part)]
    assert max(sums) <= MOST_LOG
    assert flip_part(layers, 1000.0) == 0
    wide = replace(layers, weights=np.zeros((700, 100)), large=np.arange(700), large_fields=np.zeros(700))
    assert flip_part(wide, 1.0) == 0


def test_strong_couplings_fall_back_on_whole_layers():
    model = build_model("rbm:visible=6,hidden=4,scale=2000,seed=1")
    with pytest.raises(UsageError, match="kernel=layers"):
        run_method(model, np.array([1.0]), "ais:kernel=flips", seed=1)
    (route,) = routes(model, np.array([0.5]), particles=8, sweeps=20, kernel="auto", seed=1)
    assert route.kernel == "layers"


@pytest.mark.parametrize("seed", [0, 1])
def test_machines_whose_fields_freeze_what_couplings_free_again(seed):
    """From beta = 0 on all units go off; drawn by whole layers they stay there. Means of pilots keep them alive."""
    model = patterns(120, 8, seed)
    truth = exact(model)
    (found,) = run_method(model, np.array([1.0]), "ais:particles=256,sweeps=300,start=product", seed=1)
    assert abs(found.beta_f - truth) < 4.0 * found.beta_f_error < 0.4
    assert found.status == "converged"
    (frozen,) = run_method(model, np.array([1.0]), "ais:particles=256,sweeps=300,start=uniform,kernel=layers", seed=1)
    assert frozen.stats["effective"] < 0.5 * found.stats["effective"]


def test_the_start_is_a_product_where_the_path_is_long_and_ends_at_one_beta():
    def starts(model: IsingModel, *betas: float) -> list[bool]:
        found = routes(model, np.array(betas), particles=64, sweeps=20, kernel="auto", seed=1, start="auto")
        return [bool(np.any(route.tilts)) for route in found]

    assert starts(patterns(120, 8, 1), 1.0) == [True]
    assert starts(patterns(120, 8, 1), 0.5, 1.0) == [False]
    assert starts(build_model("rbm:visible=12,hidden=6,scale=0.3,seed=1"), 1.0) == [False]
    assert starts(build_model("ising:shape=4x4"), 1.0) == [False]


def test_trials_share_the_particles_and_walk_longer():
    model, one = patterns(120, 8, 1), np.ones(1)
    found, said, plain, few = (run_method(model, one, f"ais:{words}", seed=1)[0].stats for words in (
        "start=product", "start=product,sweeps=90,particles=130", "start=uniform,sweeps=90",
        "start=product,sweeps=90,particles=100"))
    assert [s["trials"] for s in (found, said, plain, few)] == [4, 4, 1, 1]
    assert [s["particles"] for s in (found, said, plain, few)] == [256, 132, 512, 100]
    routed = routes(model, one, particles=512, sweeps=None, kernel="auto", seed=1, start="product")[0]
    assert 1.5 * routed.moves * (len(routed.laws) - 1) < found["sweeps"]


def test_threads_change_no_bit_of_several_trials():
    model, one = patterns(120, 8, 1), np.ones(1)
    a, b = (run_method(model, one, "ais:start=product,sweeps=90", seed=2, workers=w)[0] for w in (1, 3))
    assert a.stats["trials"] == 4
    assert (a.beta_f, a.beta_f_error, a.stats["k_hat"]) == (b.beta_f, b.beta_f_error, b.stats["k_hat"])


def test_what_trials_differ_by_is_part_of_the_error():
    """Walks of two trials that agree among themselves, each of another mode."""
    model, rng = patterns(120, 8, 1), np.random.default_rng(3)
    paths = routes(model, np.ones(1), particles=512, sweeps=40, kernel="auto", seed=1, start="product", trials=4)
    assert len(paths) == 4
    assert not np.array_equal(paths[0].tilts, paths[1].tilts)
    limits = limits_of(model, np.ones(1))[1.0]
    apart = (0.0, 0.0, 0.0, 0.5)
    walks = [(path, 200.0 + path.base + d + 0.1 * rng.standard_normal(128))
             for path, d in zip(paths, apart, strict=True)]
    found = outcome(walks, 1.0, "estimate", "estimate", limits)
    means = [math.exp(d) for d in apart]
    spread = np.std(means, ddof=1) / 2.0 / np.mean(means)
    assert found.beta_f == pytest.approx(-200.0 - math.log(np.mean(means)), abs=0.05)
    assert spread < found.beta_f_error < 2.0 * spread
    alike = [(path, 200.0 + path.base + 0.1 * rng.standard_normal(128)) for path in paths]
    assert outcome(alike, 1.0, "estimate", "estimate", limits).beta_f_error < 0.02


def test_a_bracket_drawn_out_by_its_errors_holds_the_truth():
    """Of walks so long that both ends agree, bare ends miss half of the time and more."""
    rng = np.random.default_rng(5)
    spread, runs, held, bare = 0.05, 400, 0, 0
    for _ in range(runs):
        # Gaussian work: <a> = C - spread^2 / 2 up and <b> = -C - spread^2 / 2 down for ln(Z / Z_0) = C
        up, down = rng.normal(3.0 - spread**2 / 2, spread, 100), rng.normal(-3.0 - spread**2 / 2, spread, 100)
        met = bracket(up, down)
        held += met.low <= -3.0 <= met.high
        bare += met.lower <= -3.0 <= met.upper
    assert bare / runs < 0.6
    assert held / runs > 0.95 - 3.0 * np.sqrt(0.95 * 0.05 / runs)
