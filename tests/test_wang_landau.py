"""Wang-Landau: exact densities of states and free energies, errors that cover, and failures that are said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logsumexp

import statfe
from statfe.errors import UsageError
from statfe.flat.checks import round_trips
from statfe.flat.grid import energy_grid
from statfe.flat.learning import Walk, combined, learn
from statfe.flat.wang_landau import flat_histogram, refined, shaped
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import Context, run_method
from tests.models_for_tests import peaked
from tests.naive.ising import beta_f, energies
from tests.retry import sequential


@pytest.fixture(scope="module")
def eight():
    return statfe.wang_landau("ising:shape=8x8", sweeps=6000, seed=1)


def test_the_density_of_states_of_8x8(eight):
    # REFERENCES.md: ln g at E = -128, -120, -116, -112.
    known = {-128.0: 0.693147, -120.0: 4.852030, -116.0: 5.545177, -112.0: 8.449343}
    places = np.searchsorted(eight.energy, list(known))
    assert eight.energy[places].tolist() == list(known)
    z = (eight.log_g[places] - np.array(list(known.values()))) / eight.log_g_error[places]
    assert np.all(np.abs(z) < 4.0)
    assert np.all(eight.log_g_error[places] < 0.3)
    assert logsumexp(eight.log_g) == pytest.approx(64 * math.log(2.0), abs=1e-9)
    # -124 and 124 do not exist.
    assert len(eight.energy) == 63
    assert eight.bin_width == 0.0
    assert eight.round_trips > 50


def test_free_energies_of_8x8_by_the_sum_and_by_the_legendre_transform(eight):
    # Kaufman (1949), ln Z / N.
    for beta, exact in ((0.2, 0.7345335535), (0.4, 0.8843654494), (0.5, 1.0366340919), (1.0, 2.0111787084)):
        found = eight.free_energy(beta)
        assert found.status == "converged"
        assert abs(found.beta_f + 64 * exact) < 4.0 * found.beta_f_error
        assert eight.log_z(beta)[0][0] == pytest.approx(-found.beta_f, abs=1e-9)
        levels = -logsumexp(eight.log_g - beta * eight.energy)
        assert levels == pytest.approx(found.beta_f, abs=1e-9)
        above = float(eight.legendre(beta)[0]) - levels
        assert 0.0 < above < math.log(len(eight.energy))
    assert eight.free_energy(0.0).beta_f == -64 * math.log(2.0)


def test_the_microcanonical_temperature_is_the_canonical_one_at_its_energy(eight):
    beta = 0.3
    p = np.exp(eight.log_g - beta * eight.energy - logsumexp(eight.log_g - beta * eight.energy))
    at = np.interp(float(p @ eight.energy), eight.energy, eight.microcanonical_beta)
    assert at == pytest.approx(beta, abs=0.03)


def test_continuous_couplings_have_bins_and_no_binning_error():
    model = build_model("ea:shape=4x4,couplings=gaussian,seed=3")
    found = statfe.wang_landau(model, sweeps=4000, seed=2, bins=12)
    e = energies(model)
    assert found.bin_width > 0.0
    edges = found.energy[:, None] + np.array([-0.5, 0.5]) * found.bin_width
    exact = np.array([np.log(max(np.sum((e >= a) & (e < b)), 1)) for a, b in edges])
    assert np.all(np.abs(found.log_g - exact) < 5.0 * found.log_g_error)
    for beta in (0.5, 1.5):
        got = found.free_energy(beta)
        assert got.status == "converged"
        assert abs(got.beta_f - beta_f(model, beta)) < 4.0 * got.beta_f_error


@pytest.mark.parametrize(("spec", "beta", "exact"), [
    ("ising:shape=10x10", 0.4, "kaufman"), ("ea:shape=4x4x4,seed=1", 0.7, "exact"), ("sk:n=14,seed=1", 2.0, "exact"),
    ("hopfield:n=14,patterns=3,seed=2", 1.5, "exact"), ("rbm:visible=8,hidden=6,seed=1", 1.0, "exact")])
def test_free_energies_are_right(spec, beta, exact):
    truth = statfe.free_energy(spec, beta, exact)
    found = statfe.free_energy(spec, beta, "wang-landau:sweeps=2000", seed=3)
    assert found.status == "converged", found.message
    assert abs(found.beta_f - truth.beta_f) < 4.0 * found.beta_f_error
    assert found.beta_f_error < 0.5


def test_errors_cover():
    model = build_model("ising:shape=3x3,field=0.2")
    exact = beta_f(model, 0.6)

    def p_value(look: int) -> float:
        found = [run_method(model, np.array([0.6]), "wang-landau:sweeps=400", seed=100 * look + s)[0]
                 for s in range(60)]
        z = np.array([(f.beta_f - exact) / f.beta_f_error for f in found])
        return 1.0 if 0.75 < z.std() < 1.3 and abs(z.mean()) < 0.4 else 0.0

    sequential(p_value)


def test_too_few_sweeps_are_said():
    found = statfe.free_energy("ea:shape=6x6x6,seed=1", [0.3, 2.0], "wang-landau:sweeps=60,walkers=4", seed=1)
    assert found[1].status != "converged"
    assert "raise sweeps" in found[1].message
    few = statfe.free_energy("ising:shape=4x4", 0.5, "wang-landau:sweeps=5,walkers=2", seed=1)
    assert few.status == "diverged"
    assert math.isnan(few.beta_f)


def test_a_lowest_energy_that_few_walkers_saw_is_no_result():
    """A hole in a golf course: one state far below all others, which hardly any walk finds."""
    found = statfe.wang_landau(peaked(6), sweeps=500, seed=1)
    p = np.zeros(len(found.solved.values))
    p[0] = 1.0
    assert found._edge_problems(p) == []
    late = found.solved.index.copy()
    ground = int(np.sum(found.solved.values <= found.solved.values[0] + 1e-9))
    late[1:] = np.maximum(late[1:], ground)
    object.__setattr__(found.solved, "index", late)
    assert "1 of 8 walkers found the lowest energy" in found._edge_problems(p)[0]


def test_a_walk_that_ends_above_the_energies_of_beta_says_so():
    model = build_model("ising:shape=6x6")
    short = flat_histogram(model, Context(1), beta_max=0.05, sweeps=2000)
    assert short.outcome(0.05).status == "converged"
    assert short.outcome(1.0).status == "not_converged"
    assert float(energy_grid(model, -20.0, 30.0).energies[0]) == -20.0


def test_the_same_bits_for_any_number_of_workers():
    one, two = (statfe.wang_landau("ea:shape=3x3,couplings=gaussian,seed=1", sweeps=300, seed=5, workers=w)
                for w in (1, 3))
    assert np.array_equal(one.log_g, two.log_g)
    assert np.array_equal(one.log_g_error, two.log_g_error)


def test_levels_of_integer_models_and_bins_of_others():
    assert energy_grid(build_model("ising:shape=4x4"), -math.inf, math.inf).nodes == 17
    triangle = energy_grid(build_model("ising:shape=3"), -math.inf, math.inf)
    assert triangle.levels
    assert triangle.energies.tolist() == [-3.0, 1.0]
    big = energy_grid(build_model("hopfield:n=101,patterns=3,seed=1"), -math.inf, math.inf)
    assert not big.levels
    assert big.nodes <= 4097
    coarse = energy_grid(build_model("ising:shape=4x4"), -math.inf, math.inf, bins=5)
    assert coarse.nodes <= 6
    assert coarse.energies[-1] >= 32.0


def test_tables_of_walkers_are_put_together():
    tables = np.array([[1.0, 2.0, 0.0, 4.0], [11.0, 12.0, 13.0, 0.0], [21.0, 22.0, 0.0, 24.0]])
    seen = np.array([[1, 1, 0, 1], [1, 1, 1, 0], [1, 1, 0, 1]], dtype=bool)
    got = combined(tables, seen)
    assert got - got[0] == pytest.approx([0.0, 1.0, 2.0, 3.0])


def test_levels_beside_nodes_do_not_spoil_long_learning():
    """Nodes that no level is nearest to must not stay behind while the others fall."""
    model = build_model("ising:shape=5,boundary=open,field=0.3")
    grid = energy_grid(model, -math.inf, math.inf)
    assert not grid.levels
    learned = learn(model, grid, Walk.in_energy(grid), 2, 60_000, Context(11, 1, None))
    # 32 states: no level has more than e^3.5 times the states of another.
    assert np.ptp(learned.table) < 3.5
    # Visits a hundredth of the way to the next node are none of that node.
    even = refined(np.zeros(3), np.repeat([0.01, 2.0], [1000, 1000]))
    assert even == pytest.approx(np.full(3, even[0]), abs=0.02)


def test_refinement_and_shape():
    flat = refined(np.zeros(3), np.repeat([0.0, 1.0, 2.0], [10, 1000, 100]))
    assert flat[0] > flat[2] > flat[1]
    grid = energy_grid(build_model("sk:n=9,seed=1"), -5.0, 5.0, bins=8)
    table = np.array([9.0, 1.0, 4.0, 2.0, 0.5, 0.0, 0.3, 2.0, 1.0])
    new = shaped(table, grid, 2.0)
    assert np.all(np.diff(new[:6]) <= 0.0)
    assert np.all(np.diff(new[5:]) >= 0.0)
    assert np.max(-np.diff(new[:6])) <= 2.0 * grid.width + 1e-12


def test_round_trips_are_counted_from_hot_to_cold_and_back():
    hot = np.array([[1, 0, 0, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1, 1]], dtype=bool)
    cold = np.array([[0, 0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0]], dtype=bool)
    assert round_trips(hot, cold) == 2


def test_bad_input():
    for bad in ({"sweeps": 0}, {"walkers": 1}, {"bins": 1}, {"beta_max": -1.0}, {"beta_max": float("nan")}):
        with pytest.raises(UsageError):
            statfe.wang_landau("ising:shape=3x3", **bad)
    with pytest.raises(UsageError, match="overflow"):
        statfe.wang_landau(IsingModel.from_edges(3, [0, 1], [1, 2], [1.5e308, 1.5e308]))
    with pytest.raises(UsageError, match="years"):
        statfe.wang_landau("ising:shape=100x100", sweeps=10**12)
