"""Every method of the registry on every model of a zoo: the same promises, whatever the method."""

from __future__ import annotations

import functools
import json
import math

import numpy as np
import pytest

from statfe.errors import UsageError
from statfe.models.catalogue import build_model, families
from statfe.models.ising import IsingModel
from statfe.registry import method_spec, methods, run_method, to_free_energy
from statfe.result import KINDS, STATUSES, FreeEnergy, Outcome
from tests import models_for_tests as special
from tests.naive import ising as naive

NAMES = {
    "adaptive-tap", "ais", "annealed", "autoregressive", "bar", "bethe", "bipartite", "cavity", "cumulants",
    "curie-weiss", "enumeration", "exact", "gibbs-bogoliubov", "high-temperature-series", "importance-sampling",
    "kaufman", "kikuchi", "laplace", "mbar", "mean-field", "one-step-rsb", "parisi", "planar", "plefka",
    "population-annealing", "rbm-trial", "replica-symmetric", "reverse-ais", "stepping-stone", "tap",
    "thermodynamic-integration", "torus", "transfer-matrix", "tree", "tree-decomposition", "tree-ep", "trw", "umbrella",
    "vae-trial", "wang-landau"}

ZOO = (
    "ising:shape=1", "ising:shape=5,boundary=open,field=0.3", "ising:shape=6", "ising:shape=2x2", "ising:shape=3x4",
    "ising:shape=3x3,coupling=-1", "ising:shape=2x2x2,boundary=open", "triangular:shape=3x3",
    "ea:shape=3x3,seed=2", "ea:shape=2x3,couplings=gaussian,seed=4,field=0.2", "sk:n=9,seed=1", "curie-weiss:n=10",
    "hopfield:n=9,patterns=2,seed=1", "random-regular:n=10,degree=3,seed=3", "erdos-renyi:n=9,mean_degree=2,seed=5",
    "rbm:visible=5,hidden=4,seed=2")
SPECIAL = {
    "peaked": special.peaked, "isolated": special.isolated, "triangle": special.frustrated_triangle,
    "disconnected": special.disconnected}
BETAS = np.array([0.0, 0.3, 1.1])
SEED = 11
#: Share of results over the zoo that must converge; 1 where not said.
LEAST_CONVERGED = {"tap": 0.8, "plefka": 0.75, "mbar": 0.9, "thermodynamic-integration": 0.9, "bar": 0.9,
                   "stepping-stone": 0.9, "umbrella": 0.9}


@functools.cache
def model(name: str) -> IsingModel:
    return SPECIAL[name]() if name in SPECIAL else build_model(name)


@functools.cache
def truth(name: str) -> tuple[float, ...]:
    return tuple(naive.beta_f(model(name), b) for b in BETAS)


def spec_of(method: str) -> str:
    """The method with its default options; sampled ones shorter, for a test."""
    return methods()[method].scaled(0.3)


@functools.cache
def results(method: str, name: str) -> tuple[FreeEnergy, ...] | None:
    """Results of a method on a model, or None where it says that it cannot take it."""
    if methods()[method].obstacle(model(name)):
        return None
    return tuple(run_method(model(name), BETAS, spec_of(method), seed=SEED))


def taken(method: str, name: str) -> tuple[FreeEnergy, ...]:
    found = results(method, name)
    if found is None:
        pytest.skip("not for this model")
    return found


def same_number(a: float, b: float) -> bool:
    """Equal to the bit, or both missing."""
    return a == b or (math.isnan(a) and math.isnan(b))


everywhere = pytest.mark.parametrize("name", [*ZOO, *SPECIAL])
every_method = pytest.mark.parametrize("method", sorted(NAMES))


def test_the_set_of_names():
    assert set(methods()) == NAMES


def test_the_zoo_has_every_family():
    assert {spec.split(":")[0] for spec in ZOO} | {"file"} == set(families())


@every_method
def test_a_method_describes_itself(method):
    m = methods()[method]
    assert m.family in ("exact", "sampled", "approximate")
    assert m.kinds
    assert set(m.kinds) <= set(KINDS)
    assert m.summary
    assert m.reference
    assert all(o.doc for o in m.options)
    json.dumps(m.to_dict(), allow_nan=False)
    for spec in [method, *m.specs()]:
        assert str(method_spec(str(method_spec(spec)[1]))[1]) == str(method_spec(spec)[1])


@every_method
@everywhere
def test_results_are_whole(method, name):
    for beta, r in zip(BETAS, taken(method, name), strict=True):
        assert r.beta == beta
        assert r.model == model(name).spec
        assert r.n_sites == model(name).n_sites
        assert r.kind in methods()[method].kinds
        assert r.status in STATUSES
        assert r.seconds >= 0
        assert math.isnan(r.beta_f) or r.beta_f_error >= 0
        json.dumps(r.to_dict(), allow_nan=False)


@every_method
@everywhere
def test_results_are_right_for_their_kind(method, name):
    for exact, r in zip(truth(name), taken(method, name), strict=True):
        if r.status != "converged":
            continue
        scale = 1e-10 * max(1.0, abs(exact))
        if r.kind == "exact":
            assert abs(r.beta_f - exact) <= scale
            assert r.beta_f_error == 0
        elif r.kind == "estimate":
            assert abs(r.beta_f - exact) <= 5 * r.beta_f_error + scale
        elif r.kind == "upper_bound":
            assert r.beta_f >= exact - scale
        elif r.kind == "lower_bound":
            assert r.beta_f <= exact + scale


@every_method
def test_enough_results_converge_to_be_judged(method):
    """The test above passes over failures: here they must be few."""
    found = [r for name in [*ZOO, *SPECIAL] for r in results(method, name) or ()]
    converged = sum(r.status == "converged" for r in found)
    assert len(found) >= len(BETAS)
    assert converged >= LEAST_CONVERGED.get(method, 1.0) * len(found), f"{converged} of {len(found)}"


@every_method
def test_results_carry_the_seed_of_methods_that_draw(method):
    found = [r for name in [*ZOO, *SPECIAL] for r in results(method, name) or ()]
    seeds = {r.stats.get("seed") for r in found}
    assert seeds == ({None} if methods()[method].family == "exact" else {SEED})


OVERFLOWING = Outcome(beta_f=1e308, kind="uncontrolled")


@pytest.mark.parametrize("outcome", [
    Outcome(beta_f=-math.inf, kind="upper_bound"), Outcome(beta_f=math.nan, kind="estimate"),
    Outcome(beta_f=1.0, beta_f_error=math.inf, kind="estimate"), OVERFLOWING,
    Outcome(beta_f=math.inf, kind="estimate", status="not_converged", message="raise sweeps")])
def test_a_number_that_overflows_is_a_failure(outcome):
    shifted = IsingModel.from_edges(2, [0], [1], [1.0], offset=1e308 if outcome is OVERFLOWING else 0.0)
    found = to_free_energy(outcome, shifted, "tap", 1.5, 0.1, 7)
    assert (found.status, found.kind) == ("diverged", outcome.kind)
    assert math.isnan(found.beta_f)
    assert math.isnan(found.beta_f_error)
    assert "scale the couplings down or lower beta" in found.message
    assert found.stats["seed"] == 7


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@every_method
def test_huge_couplings_are_failures_and_not_exceptions(method):
    huge = IsingModel.from_edges(3, [0, 1, 0], [1, 2, 2], [1e308, 1e308, -1e308])
    if methods()[method].obstacle(huge):
        pytest.skip("not for this model")
    if methods()[method].family == "sampled":
        with pytest.raises(UsageError, match="overflow"):
            run_method(huge, np.array([0.5, 2.0]), spec_of(method), seed=SEED)
        return
    for r in run_method(huge, np.array([0.5, 2.0]), spec_of(method), seed=SEED):
        assert math.isfinite(r.beta_f) or r.message


@every_method
@everywhere
def test_infinite_temperature_is_free(method, name):
    first = taken(method, name)[0]
    assert first.status == "converged" or methods()[method].family == "sampled"
    assert first.beta_f == pytest.approx(-model(name).n_sites * math.log(2), rel=1e-12)


@every_method
def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads(method):
    name = next(n for n in ("ea:shape=3x3,seed=2", *ZOO) if results(method, n) is not None)
    again = run_method(model(name), BETAS, spec_of(method), seed=SEED, workers=3)
    for one, two in zip(taken(method, name), again, strict=True):
        assert same_number(one.beta_f, two.beta_f)
        assert same_number(one.beta_f_error, two.beta_f_error)
        assert (one.status, one.kind) == (two.status, two.kind)


@every_method
def test_the_order_of_the_grid_does_not_matter(method):
    name = next(n for n in ("ea:shape=3x3,seed=2", *ZOO) if results(method, n) is not None)
    backwards = run_method(model(name), BETAS[::-1], spec_of(method), seed=SEED)
    assert [r.beta for r in backwards] == BETAS[::-1].tolist()
    for one, two in zip(taken(method, name), backwards[::-1], strict=True):
        assert same_number(one.beta_f, two.beta_f)


@every_method
@everywhere
def test_a_refusal_names_the_method_the_model_and_an_alternative(method, name):
    reason = methods()[method].obstacle(model(name))
    if not reason:
        return
    with pytest.raises(UsageError, match=method) as caught:
        run_method(model(name), BETAS, spec_of(method), seed=SEED)
    assert model(name).spec in str(caught.value)
    assert any(other in reason for other in NAMES - {method})


@every_method
def test_negative_beta_is_refused_or_right(method):
    able = [n for n in [*ZOO, *SPECIAL] if results(method, n) is not None]
    for name in able[:6]:
        if not methods()[method].negative_beta:
            with pytest.raises(UsageError, match="beta"):
                run_method(model(name), np.array([-0.4]), spec_of(method), seed=SEED)
            continue
        lattice = model(name).lattice
        if method == "kaufman" and lattice is not None and any(side % 2 for side in lattice.shape):
            with pytest.raises(UsageError, match="negative beta"):
                run_method(model(name), np.array([-0.4]), method)
            continue
        (found,) = run_method(model(name), np.array([-0.4]), spec_of(method), seed=SEED)
        if found.kind == "exact":
            assert found.beta_f == pytest.approx(naive.beta_f(model(name), -0.4), rel=1e-10)


@every_method
def test_an_offset_shifts_every_result_by_beta_times_it(method):
    name = next(n for n in ("ea:shape=3x3,seed=2", *ZOO) if results(method, n) is not None)
    plain = model(name)
    shifted = IsingModel.from_edges(
        plain.n_sites, plain.rows, plain.cols, plain.couplings, plain.fields, offset=2.5, lattice=plain.lattice)
    if methods()[method].obstacle(shifted):
        pytest.skip("needs the family, not the couplings")
    for one, two in zip(taken(method, name), run_method(shifted, BETAS, spec_of(method), seed=SEED), strict=True):
        assert math.isnan(one.beta_f) == math.isnan(two.beta_f)
        if not math.isnan(one.beta_f):
            assert two.beta_f - one.beta_f == pytest.approx(2.5 * one.beta, abs=1e-9)


def test_unknown_methods_and_options_name_the_nearest():
    with pytest.raises(UsageError, match="mean-field"):
        run_method(model("sk:n=9,seed=1"), BETAS, "mean-feild")
    with pytest.raises(UsageError, match="sweeps"):
        run_method(model("sk:n=9,seed=1"), BETAS, "mbar:sweep=10")
    with pytest.raises(UsageError, match="at least 1"):
        run_method(model("sk:n=9,seed=1"), BETAS, "mbar:sweeps=0")
