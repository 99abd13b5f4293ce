"""Annealed methods: laws and moves of layers, copies of lanes, unbiased weights, walks back, brackets, populations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from statfe.annealed.bracket import bracket
from statfe.annealed.equilibrium import equilibrium, tempered
from statfe.annealed.lanes import LaneWalkers, random_spins
from statfe.annealed.layers import LayerWalkers, exact_small, layers_of, listed_log_weights, trial_small
from statfe.annealed.path import Length, place
from statfe.annealed.population import anneal
from statfe.annealed.resampling import systematic
from statfe.annealed.route import routes
from statfe.annealed.walkers import Walkers, walk
from statfe.errors import UsageError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from tests.models_for_tests import peaked
from tests.naive import annealed as twin
from tests.naive import ising as naive
from tests.retry import sequential

RBM = "rbm:visible=4,hidden=3,scale=1.5,seed=5"
EA = "ea:shape=3x3,seed=2"
KERNELS = ("bit-lane", "float-lane", "dense", "scalar")


def rbm() -> tuple[IsingModel, np.ndarray]:
    """A small machine and fields of a product trial."""
    model = build_model(RBM)
    return model, np.linspace(-0.6, 0.9, model.n_sites)


def two_sided(z: float) -> float:
    """p-value of a deviation in standard errors."""
    return 2.0 * float(scipy.stats.norm.sf(abs(z)))


def law_value(model: IsingModel, c: float, d: float, tilts: np.ndarray, spins: np.ndarray) -> float:
    layers = layers_of(model)
    assert layers is not None
    return twin.log_law(model, layers.small.tolist(), spins, c, d, tilts)


def test_weights_of_layers_sum_out_the_large_one():
    model, tilts = rbm()
    layers = layers_of(model)
    assert layers is not None
    laws = np.array([[0.2, 0.7], [1.3, -0.4]])
    small = trial_small(layers, tilts, 8, 1, 2)
    found = LayerWalkers(model, layers, laws, small, tilts, 3).log_ratio(0, 0, 1)
    expected = [law_value(model, *laws[1], tilts, s) - law_value(model, *laws[0], tilts, s) for s in small]
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("flips", [0, 8])
def test_a_move_of_layers_has_the_right_transition_matrix(flips):
    model, tilts = rbm()
    layers = layers_of(model)
    assert layers is not None
    c, d, n = 1.1, 0.3, 10_000
    matrix = (twin.small_flips if flips else twin.small_moves)(model, layers.small.tolist(), c, d, tilts)
    start = np.tile([-1.0, 1.0, 1.0], (n, 1))  # state 3 of the twin's order

    def p_value(seed: int) -> float:
        walkers = LayerWalkers(model, layers, np.array([[c, d]]), start, tilts, seed, flips)
        for group in range(len(walkers.groups)):
            walkers.move(group, 0, 1)
        codes = (walkers.small() > 0) @ np.array([4, 2, 1])
        return float(scipy.stats.chisquare(np.bincount(codes, minlength=8), n * matrix[3]).pvalue)

    sequential(p_value)


def test_listed_states_are_all_states():
    model, tilts = rbm()
    layers = layers_of(model)
    assert layers is not None
    logs = listed_log_weights(layers, 0.8)
    spins = np.where((np.arange(8)[:, None] >> np.arange(3)) & 1, 1.0, -1.0)
    assert logs == pytest.approx([law_value(model, 0.8, 0.0, tilts, s) for s in spins], rel=1e-12)
    seven = build_model("rbm:visible=9,hidden=7,seed=2")
    own = layers_of(seven)
    assert own is not None
    total = -float(np.logaddexp.reduce(listed_log_weights(own, 1.0, 2))) + seven.offset
    assert total == pytest.approx(naive.beta_f(seven, 1.0), rel=1e-12)

    def p_value(seed: int) -> float:
        codes = (exact_small(layers, 0.8, 10_000, seed) > 0) @ np.array([1, 2, 4])
        return float(scipy.stats.chisquare(np.bincount(codes, minlength=8),
                                           10_000 * np.exp(logs - np.logaddexp.reduce(logs))).pvalue)

    sequential(p_value)


@pytest.mark.parametrize("beta", [0.3, 1.0, -0.7, 40.0])
def test_states_listed_in_halves_are_those_listed_whole(beta, monkeypatch):
    model = build_model("rbm:visible=70,hidden=9,scale=0.6,seed=3")
    layers = layers_of(model)
    assert layers is not None
    halves = listed_log_weights(layers, beta)
    monkeypatch.setattr("statfe.annealed.layers.LEAST_HALVED", 99)
    assert halves == pytest.approx(listed_log_weights(layers, beta), rel=1e-12, abs=1e-11)


def test_only_dense_pairs_of_layers_are_layers():
    assert layers_of(build_model("ising:shape=6x6")) is None
    assert layers_of(build_model("sk:n=8,seed=1")) is None
    assert layers_of(build_model("ising:shape=1")) is None


@pytest.mark.parametrize("kernel", KERNELS)
def test_copies_land_in_the_right_lanes(kernel):
    model = build_model("ea:shape=3x3,seed=1")
    spins = random_spins(model, 700, 1, 1)
    walkers = LaneWalkers(model, np.array([0.0, 0.4]), 1, spins, kernel, 2)
    assert np.array_equal(walkers.spins(), spins)
    parents = np.random.default_rng(3).integers(0, 700, 700)
    walkers.resample(parents)
    assert np.array_equal(walkers.spins(), twin.gathered(spins, parents.tolist()))
    assert np.array_equal(walkers.energy, model.energy(walkers.spins()))
    for group in range(len(walkers.groups)):
        walkers.move(group, 1, 1)
    assert walkers.energy == pytest.approx(model.energy(walkers.spins()), abs=1e-12)
    # Copies have streams of their own.
    walkers.resample(np.zeros(700, dtype=np.int64))
    for group in range(len(walkers.groups)):
        walkers.move(group, 1, 1)
    assert len(np.unique(walkers.spins(), axis=0)) > 20


def test_copies_of_layers():
    model, tilts = rbm()
    layers = layers_of(model)
    assert layers is not None
    small = trial_small(layers, tilts, 130, 1, 2)
    walkers = LayerWalkers(model, layers, np.zeros((1, 2)), small, tilts, 3)
    parents = np.random.default_rng(3).integers(0, 130, 130)
    walkers.resample(parents)
    assert np.array_equal(walkers.small(), small[parents])


@pytest.mark.parametrize("kernel", ["layers", "flips", *KERNELS])
def test_without_couplings_every_weight_is_one(kernel):
    # Two layers without couplings that matter, and no fields.
    model = IsingModel.from_edges(4, [0, 0, 1, 1], [2, 3, 2, 3], [0.0] * 4 if kernel in KERNELS else [1e-300] * 4)
    for method in ("ais", "population-annealing", "reverse-ais"):
        (found,) = run_method(model, np.array([0.7]), f"{method}:kernel={kernel},particles=70,sweeps=5", seed=1)
        assert found.beta_f == pytest.approx(-4 * math.log(2), abs=1e-12)
        assert found.beta_f_error < 1e-12
        assert found.status == "converged", found.message


def short_walk(name: str, seed: int, particles: int, kernel: str = "auto", start: str = "uniform",
               down: bool = False) -> tuple[np.ndarray, float]:
    """ln weights of walks of five laws to beta = 1, and ln(Z / Z_0): far too short for equilibrium."""
    model = peaked() if name == "peaked" else build_model(name)
    (route,) = routes(model, np.array([1.0]), particles=particles, sweeps=10, kernel=kernel, seed=seed, start=start,
                      demand=lambda length: (5.0, 10.0))
    truth = route.base - (naive.beta_f(model, 1.0) - model.offset)
    mark = int(route.marks[0])
    if not down:
        walkers: Walkers = route.start(particles, seed)
        return walk(walkers, np.arange(mark + 1), np.array([mark]), route.moves)[0], truth
    (samples,) = equilibrium(model, np.array([1.0]), particles, seed)
    assert samples.exact
    walkers = route.back(samples.spins, seed, 1000)
    return walk(walkers, np.arange(mark, -1, -1), np.array([mark]), route.moves)[0], truth


@pytest.mark.parametrize(("name", "kernel", "start"), [
    ("peaked", "float-lane", "uniform"), (EA, "bit-lane", "uniform"), ("peaked", "dense", "uniform"),
    (RBM, "layers", "uniform"), (RBM, "layers", "product"), (RBM, "flips", "uniform"), (RBM, "flips", "product"),
    (RBM, "float-lane", "uniform")])
def test_mean_weights_are_unbiased_up_and_down(name, kernel, start):
    particles = 1500 if kernel == "dense" else 10_000

    def p_value(seed: int) -> float:
        worst = 1.0
        for down in (False, True):
            logs, truth = short_walk(name, seed, particles, kernel, start, down)
            ratio = np.exp(logs - (-truth if down else truth))
            worst = min(worst, two_sided((ratio.mean() - 1.0) / (ratio.std() / math.sqrt(particles))))
        return worst

    sequential(p_value)


@pytest.mark.parametrize(("name", "kernel"), [
    ("peaked", "float-lane"), (EA, "bit-lane"), (RBM, "layers"), (RBM, "flips")])
def test_walks_down_are_the_reversal_of_walks_up(name, kernel):
    """Crooks: p_up(a) exp(-a) Z / Z_0 = p_down(-a), bin by bin."""
    def p_value(seed: int) -> float:
        up, truth = short_walk(name, seed, 10_000, kernel)
        down, _ = short_walk(name, seed, 10_000, kernel, down=True)
        edges = np.quantile(np.concatenate([up, -down]), np.linspace(0.0, 1.0, 7))[1:-1]
        place_up, place_down = np.digitize(up, edges), np.digitize(-down, edges)
        worst = 1.0
        for k in range(6):
            a, b = np.where(place_up == k, np.exp(up - truth), 0.0), (place_down == k).astype(float)
            spread = math.sqrt((a.var() + b.var()) / 10_000)
            worst = min(worst, 6.0 * two_sided((a.mean() - b.mean()) / spread))
        return worst

    sequential(p_value)


@pytest.mark.parametrize(("method", "runs"), [
    ("ais:particles=100,sweeps=30", 60), ("reverse-ais:particles=100,sweeps=30", 40),
    ("reverse-ais:particles=96,sweeps=30,samples=tempering", 15),
    ("population-annealing:particles=40,populations=20,sweeps=30", 40)])
def test_errors_cover_and_brackets_hold(method, runs):
    model = build_model(EA)
    exact = np.array([naive.beta_f(model, beta) for beta in (0.4, 1.0)])

    def p_value(seed: int) -> float:
        z, upper, lower = [], [], []
        for k in range(runs):
            found = run_method(model, np.array([0.4, 1.0]), method, seed=1000 * seed + k)
            z.append([(f.beta_f - e) / f.beta_f_error for f, e in zip(found, exact, strict=True)])
            last = found[1].stats
            upper += [last["upper_bound"]] if "upper_bound" in last else []
            lower += [last["lower_bound"]] if "lower_bound" in last else []
        squares = float(np.sum(np.array(z)[:, 1] ** 2))
        worst = 2.0 * min(scipy.stats.chi2.sf(squares, runs), scipy.stats.chi2.cdf(squares, runs))
        for bounds, sign in ((upper, 1.0), (lower, -1.0)):
            if bounds:
                gap = sign * (np.array(bounds) - exact[1])
                worst = min(worst, float(scipy.stats.norm.cdf(gap.mean() / (gap.std() / math.sqrt(runs)))))
        return float(worst)

    sequential(p_value, alarm=2e-3)


def test_bennetts_estimate_is_the_twins():
    rng = np.random.default_rng(1)
    up, down = rng.normal(1.0, 1.0, 40), rng.normal(-2.0, 1.2, 40)
    found = bracket(up, down)
    assert found.value == pytest.approx(twin.bennett(up.tolist(), down.tolist()), abs=1e-9)
    assert found.upper == pytest.approx(-up.mean())
    assert found.lower == pytest.approx(down.mean())
    grouped = bracket(up, np.repeat(down[:10], 4), np.repeat(np.arange(10), 4))
    assert grouped.lower_error > 1.5 * bracket(up, np.repeat(down[:10], 4)).lower_error


def test_a_path_passes_through_its_nodes_in_equal_steps():
    knots = np.linspace(0.0, 2.0, 401)
    length = Length(knots, 2.0 * knots, knots**2)
    nodes = np.array([0.5, 1.3, 2.0])
    found = place(length, nodes, 400)
    assert set(nodes) <= set(found)
    assert found[0] == 0.0
    assert np.all(np.diff(found) > 0)
    mixed = 0.9 * found**2 + 0.1 * found * 2.0
    steps = np.diff(mixed)
    assert steps.max() / steps.min() < 1.3
    assert len(found) == pytest.approx(401, abs=3)


def test_systematic_resampling_rounds_shares_up_or_down():
    logs = np.log(np.array([0.1, 2.9, 0.4, 0.6]))
    counts = np.array([np.bincount(systematic(logs, u)[0], minlength=4) for u in np.linspace(0, 1, 1000, False)])
    assert [set(column) for column in counts.T] == [{0, 1}, {2, 3}, {0, 1}, {0, 1}]
    assert counts.mean(axis=0) == pytest.approx([0.1, 2.9, 0.4, 0.6], abs=2e-3)
    assert systematic(logs, 0.5)[1] == pytest.approx(0.0, abs=1e-12)


def test_populations_are_unbiased_and_keep_their_families():
    model = peaked()
    (route,) = routes(model, np.array([1.0]), particles=6000, sweeps=8, kernel="auto", seed=1,
                      demand=lambda length: (4.0, 8.0))
    truth = route.base - naive.beta_f(model, 1.0)

    def p_value(seed: int) -> float:
        found = anneal(route.start(6000, seed), route, 300, seed)
        assert np.all(found.families[0] >= 1)
        assert np.all(found.family_size[0] >= 1.0)
        ratio = np.exp(found.log_ratio[0] - truth)
        return two_sided((ratio.mean() - 1.0) / (ratio.std() / math.sqrt(300)))

    sequential(p_value)


def test_populations_do_not_depend_on_each_other():
    """The error takes them for independent: runs must scatter as their populations say, and no more."""
    model, runs, many = build_model(EA), 50, 160

    def p_value(seed: int) -> float:
        (route,) = routes(model, np.array([1.0]), particles=8 * many, sweeps=6, kernel="auto", seed=seed,
                          demand=lambda length: (6.0, 6.0))
        found = np.exp([anneal(route.start(8 * many, 1000 * seed + k), route, many, 1000 * seed + k).log_ratio[0] + 9.0
                        for k in range(runs)])
        ratio = many * found.mean(axis=1).var(ddof=1) / found.var(axis=1, ddof=1).mean()
        return float(scipy.stats.chi2.sf((runs - 1) * ratio, runs - 1))

    sequential(p_value)


def test_the_number_of_threads_changes_nothing():
    model = build_model("sk:n=12,seed=1")
    for method in ("ais:particles=200", "reverse-ais:particles=130", "population-annealing:particles=64"):
        one, two = (run_method(model, np.array([0.5, 1.0]), method + ",sweeps=40", seed=3, workers=w) for w in (1, 3))
        assert [f.beta_f for f in one] == [f.beta_f for f in two]


@pytest.mark.parametrize("method", ["ais", "reverse-ais", "population-annealing"])
def test_nothing_but_beta_zero(method):
    model = build_model("ising:shape=4x4")
    assert run_method(model, np.zeros(1), method, seed=1)[0].beta_f == pytest.approx(-16 * math.log(2.0))


def test_walks_that_are_too_short_say_so():
    model, cold = build_model("sk:n=60,seed=1"), np.array([4.0])
    (ais,) = run_method(model, cold, "ais:sweeps=4,particles=128", seed=1)
    assert ais.status == "not_converged"
    assert "raise sweeps" in ais.message
    (both,) = run_method(model, cold, "reverse-ais:sweeps=4,particles=64", seed=1)
    assert both.status == "not_converged"
    (population,) = run_method(model, cold, "population-annealing:sweeps=4,particles=32", seed=1)
    assert population.status == "not_converged"
    assert "raise particles" in population.message


def test_a_bound_is_called_one():
    model, beta = build_model(EA), np.array([0.9])
    exact = naive.beta_f(model, 0.9)
    (upper,) = run_method(model, beta, "ais:value=bound,sweeps=3", seed=1)
    (lower,) = run_method(model, beta, "reverse-ais:value=bound,sweeps=3", seed=1)
    assert (upper.kind, lower.kind) == ("upper_bound", "lower_bound")
    assert upper.beta_f > exact + 3 * upper.beta_f_error
    assert lower.beta_f < exact - 3 * lower.beta_f_error
    (chains,) = run_method(model, beta, "reverse-ais:value=bound,sweeps=3,samples=tempering", seed=1)
    assert (chains.kind, chains.status) == ("uncontrolled", "not_converged")
    assert "equilibrium" in chains.message


def test_samples_of_chains_that_disagree_are_refused():
    wells = IsingModel.from_edges(60, *np.triu_indices(60, 1), np.full(1770, 1.0), np.full(60, 0.001))
    (found,) = tempered(wells, np.array([0.5]), 32, 1, sweeps=1)
    assert not found.exact
    assert found.trouble


def test_a_product_start_needs_two_layers():
    model = build_model(EA)
    for option in ("start=product", "kernel=layers"):
        with pytest.raises(UsageError, match="two layers"):
            run_method(model, np.array([1.0]), f"ais:{option}", seed=1)
    with pytest.raises(UsageError, match="cannot hold particles"):
        routes(build_model("ising:shape=64x64"), np.array([0.2]), particles=8, sweeps=4, kernel="multi-site", seed=1)


@pytest.mark.parametrize(("kernel", "kind"), [("layers", "upper_bound"), ("flips", "estimate")])
def test_a_product_start_is_right_too(kernel, kind):
    model = build_model(RBM)
    exact = naive.beta_f(model, 1.0)
    (found,) = run_method(model, np.array([1.0]), f"ais:start=product,sweeps=50,kernel={kernel}", seed=2)
    assert abs(found.beta_f - exact) < 4 * found.beta_f_error
    # Walks of whole layers from one valley may miss another, so it counts as a bound.
    assert found.kind == kind
    assert run_method(model, np.array([1.0]), f"ais:sweeps=50,kernel={kernel}", seed=2)[0].kind == "estimate"
