"""Limits as methods of finite models, as a function, and as a command; annealed averages by averaging."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

import statfe
from statfe.errors import UsageError
from statfe.limits.finite import family_of
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import methods
from tests.naive import ising as naive
from tests.naive.limits import log_mean_z, normal

LIMITS = ("annealed", "replica-symmetric", "one-step-rsb", "parisi", "cavity")


@pytest.mark.parametrize("spec", [
    "ea:shape=2x3,boundary=open,coupling=0.8,field=0.3", "ea:shape=4,seed=2", "ea:shape=2x2",
    "random-regular:n=4,degree=3,coupling=-1.2,field=0.1", "erdos-renyi:n=5,mean_degree=2,seed=3"])
def test_signs_are_averaged(spec):
    """The mean of Z over all signs of all bonds."""
    model, beta = build_model(spec), 0.9
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=model.n_bonds)))
    mean = log_mean_z(
        model, family_of(model)[1]["coupling"] * signs, np.full(len(signs), 1.0 / len(signs)), beta)
    found = statfe.free_energy(model, beta, "annealed")
    assert found.beta_f == pytest.approx(-mean, rel=1e-12)
    assert found.kind == "uncontrolled"


@pytest.mark.parametrize("spec", [
    "sk:n=3,field=0.4", "sk:n=3,coupling=-0.7", "ea:shape=3,couplings=gaussian,coupling=0.6,field=0.2"])
def test_gaussian_couplings_are_averaged(spec):
    """The mean of Z over three normal couplings, by Gauss-Hermite sums."""
    model, beta = build_model(spec), 1.1
    scale = family_of(model)[1]["coupling"] / (math.sqrt(3) if spec.startswith("sk") else 1.0)
    z, w = normal(16)
    J, weights = (np.array(list(itertools.product(x, repeat=3))) for x in (z, w))
    mean = log_mean_z(model, scale * J, weights.prod(axis=1), beta)
    assert statfe.free_energy(model, beta, "annealed").beta_f == pytest.approx(-mean, rel=1e-12)


@pytest.mark.parametrize("field", [0.0, 0.5])
def test_patterns_are_averaged(field):
    n, p, beta = 4, 2, 0.8
    total = 0.0
    for bits in itertools.product((-1.0, 1.0), repeat=n * p):
        xi = np.array(bits).reshape(p, n)
        i, j = np.triu_indices(n, 1)
        total += math.exp(-naive.beta_f(
            IsingModel.from_edges(n, i, j, (xi.T @ xi / n)[i, j], np.full(n, field)), beta))
    found = statfe.free_energy(f"hopfield:n={n},patterns={p},field={field}", beta, "annealed")
    assert found.beta_f == pytest.approx(-math.log(total / 2 ** (n * p)), rel=1e-12)


@pytest.mark.parametrize("spec", ["ea:shape=7,boundary=open,seed=3", "erdos-renyi:n=9,mean_degree=0.6,seed=2"])
def test_signs_on_a_forest_do_not_matter(spec):
    model = build_model(spec)
    found = statfe.free_energy(model, 1.3, "annealed")
    assert model.is_forest
    assert found.kind == "exact"
    assert found.beta_f == pytest.approx(naive.beta_f(model, 1.3), rel=1e-13)


def test_a_sample_may_lie_on_either_side_of_the_annealed_average():
    """Jensen's inequality is about the average."""
    above = [statfe.free_energy(f"sk:n=8,seed={s}", 1.5, "enumeration").beta_f
             - statfe.free_energy(f"sk:n=8,seed={s}", 1.5, "annealed").beta_f for s in range(1, 31)]
    assert min(above) < 0.0 < np.mean(above)


@pytest.mark.parametrize(("method", "spec", "family", "solution", "parameters"), [
    ("replica-symmetric", "sk:n=50,field=0.3", "sk", "rs", {"field": 0.3}),
    ("one-step-rsb", "sk:n=50", "sk", "1rsb", {}),
    ("parisi", "sk:n=50", "sk", "parisi", {"steps": 2}),
    ("replica-symmetric", "hopfield:n=50,patterns=3", "hopfield", "rs", {"alpha": 0.06}),
    ("cavity", "random-regular:n=50,degree=4,field=0.2", "random-regular", "cavity",
     {"degree": 4, "field": 0.2, "population": 100, "sweeps": 20})])
def test_methods_are_n_times_the_limit(method, spec, family, solution, parameters):
    options = {k: v for k, v in parameters.items() if k in ("steps", "population", "sweeps")}
    found = statfe.free_energy(spec, 1.6, method, seed=5, **options)
    limit = statfe.thermodynamic_limit(family, 1.6, solution, seed=5, **parameters)
    assert found.beta_f == pytest.approx(50 * limit.beta_f, rel=1e-14)
    assert found.beta_f_error == 50 * limit.beta_f_error
    assert found.kind == "uncontrolled"
    assert found.stats["stability"] == limit.stability
    assert found.stats["entropy_per_site"] == limit.entropy
    assert (found.stats["bound_of_the_average"] == "lower_bound") == (family == "sk")


@pytest.mark.parametrize(("method", "spec"), [
    ("replica-symmetric", "sk:n=20,coupling={J},field={h}"), ("one-step-rsb", "sk:n=20,coupling={J},field={h}"),
    ("replica-symmetric", "hopfield:n=20,patterns=2,coupling={J},field={h}"),
    ("cavity", "random-regular:n=20,degree=3,couplings=ferro,coupling={J},field={h}"),
    ("annealed", "sk:n=20,coupling={J},field={h}")])
def test_beta_and_energies_have_one_scale(method, spec):
    """Couplings and fields three times as large at a third of beta."""
    one = statfe.free_energy(spec.format(J=1, h=0.2), 1.5, method)
    two = statfe.free_energy(spec.format(J=3, h=0.6), 0.5, method)
    assert two.beta_f == pytest.approx(one.beta_f, rel=1e-10)
    if method != "annealed":
        assert two.stats["energy_per_site"] == pytest.approx(3 * one.stats["energy_per_site"], rel=1e-8)
        assert two.stats["entropy_per_site"] == pytest.approx(one.stats["entropy_per_site"], abs=1e-8)


@pytest.mark.parametrize("method", LIMITS)
def test_no_couplings_are_exact_and_strange_models_refused(method):
    own = {"cavity": "random-regular:n=6,degree=0,field=0.7"}.get(method, "sk:n=6,coupling=0,field=0.7")
    found = statfe.free_energy(own, 500.0, method)
    assert found.kind == "exact"
    assert found.beta_f == pytest.approx(-6 * 350.0, rel=1e-12)
    for other in ("ising:shape=3x3", "ea:shape=3x3,p=0.7", "curie-weiss:n=5"):
        with pytest.raises(UsageError, match="needs"):
            statfe.free_energy(other, 1.0, method)
    # The spec is what tells: the same bonds without it are just bonds.
    sk = build_model("sk:n=6")
    assert methods()[method].obstacle(IsingModel.from_edges(6, sk.rows, sk.cols, sk.couplings))
    assert methods()[method].obstacle(sk.with_spec("sk:n=7"))
    assert methods()[method].obstacle(sk.with_spec("sk:seed=nonsense"))


@pytest.mark.parametrize("spec", ["sk:n=30,seed=2,field=0.2", "hopfield:n=30,patterns=4"])
def test_cold_models_have_finite_results(spec):
    for method in LIMITS[:4]:
        if not methods()[method].obstacle(build_model(spec)):
            for found in statfe.free_energy(spec, [500.0], method):
                assert found.status == "converged", found.message
                assert math.isfinite(found.beta_f)


def test_large_degrees_are_refused_only_where_a_population_is_needed():
    found = statfe.free_energy("random-regular:n=300,degree=200,couplings=ferro", 0.01, "cavity")
    assert found.beta_f < -300 * math.log(2)
    with pytest.raises(UsageError, match="bethe"):
        statfe.free_energy("random-regular:n=300,degree=200", 0.1, "cavity")
    with pytest.raises(UsageError, match="coupling >= 0"):
        statfe.free_energy("hopfield:n=20,patterns=2,coupling=-1", 0.5, "replica-symmetric")


def test_one_beta_gives_one_limit_and_a_grid_a_list():
    one = statfe.thermodynamic_limit("sk", 0.5)
    assert one.solution == "parisi"
    grid = statfe.thermodynamic_limit("sk", "0.5,inf", "rs")
    assert [x.beta for x in grid] == [0.5, math.inf]
    assert statfe.thermodynamic_limit("sk", "0:1:3", "rs")[1].beta_f == one.beta_f
    assert statfe.thermodynamic_limit("sk", [0.5, math.inf], "rs")[1].free_energy == grid[1].free_energy
    json.dumps([x.to_dict() for x in grid], allow_nan=False)


@pytest.mark.parametrize("bad", [
    {"family": "skk"}, {"family": "sk", "solution": "rsb"}, {"family": "sk", "degree": 3},
    {"family": "sk", "steps": 0}, {"family": "hopfield"}, {"family": "hopfield", "alpha": 0.0},
    {"family": "hopfield", "alpha": 0.1, "solution": "parisi"}, {"family": "random-regular", "degree": 0},
    {"family": "random-regular", "couplings": "ferro", "p": 0.3}, {"family": "random-regular", "beta": math.inf},
    {"family": "random-regular", "couplings": "ferro", "solution": "annealed"}, {"family": "sk", "beta": -1.0},
    {"family": "sk", "beta": "x"}, {"family": "sk", "beta": math.nan}, {"family": "sk", "beta": []},
    {"family": "sk", "field": math.inf}, {"family": "sk", "seed": -1}, {"family": "sk", "workers": 0}])
def test_bad_requests_are_refused(bad):
    with pytest.raises(UsageError):
        statfe.thermodynamic_limit(bad.pop("family"), bad.pop("beta", 1.0), **bad)


def test_the_annealed_average_has_no_ground_state():
    found = statfe.thermodynamic_limit("sk", math.inf, "annealed")
    assert found.status == "diverged"
    assert math.isnan(found.free_energy)
    assert "parisi" in found.message


@pytest.mark.parametrize("couplings", ["bimodal", "gaussian"])
def test_the_annealed_graph_is_the_paramagnet_of_the_cavity(couplings):
    """They agree as long as the paramagnet is stable for +-J; for normal couplings E ln cosh is less than ln E cosh."""
    one, two = (statfe.thermodynamic_limit("random-regular", 0.4, solution, couplings=couplings)
                for solution in ("annealed", "cavity"))
    if couplings == "bimodal":
        assert one.beta_f == pytest.approx(two.beta_f, abs=1e-14)
        assert one.energy == pytest.approx(two.energy, abs=1e-14)
    else:
        assert two.beta_f > one.beta_f + 1e-3


def test_the_command(call):
    code, out, err = call("limit", "sk", "--beta", "0.5,inf", "--solution", "rs", "--json")
    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert rows[0]["beta_f"] == pytest.approx(-math.log(2) - 0.0625)
    assert rows[1]["beta"] is None
    assert rows[1]["free_energy"] == pytest.approx(-math.sqrt(2 / math.pi))
    code, out, _ = call("limit", "sk", "--ground-state", "--solution", "1rsb")
    assert code == 0
    assert "-0.765259" in out
    assert "a lower bound of the average over disorder" in out
    code, out, _ = call("limit", "hopfield", "--alpha", "0.02", "--beta", "4")
    assert code == 0
    assert "phase=retrieval" in out
    code, out, _ = call(
        "limit", "random-regular", "--degree", "4", "--couplings", "gaussian", "--beta", "1.5", "--seed", "2",
        "--population", "100", "--sweeps", "20")
    assert code == 0
    assert "seed 2" in out
    assert "+-" in out
    assert call("limit", "sk", "--beta", "inf", "--solution", "annealed")[0] == 3


@pytest.mark.parametrize(("words", "said"), [
    (("sk",), "--beta"), (("sk", "--beta", "1", "--ground-state"), "--ground-state"),
    (("sk", "--beta", "1", "--alpha", "0.1"), "alpha"), (("hopfeild", "--beta", "1"), "hopfield"),
    (("sk", "--beta", "1", "--solution", "1rbs"), "1rsb"), (("random-regular", "--ground-state"), "large beta")])
def test_bad_words_exit_with_2(call, words, said):
    code, out, err = call("limit", *words)
    assert (code, out) == (2, "")
    assert said in err
