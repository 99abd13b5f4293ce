"""Free energies of posteriors: every method against quadrature, closed forms, and integrals written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from statfe.errors import SpecError, UsageError
from statfe.kernels.latent_moves import hamiltonian_move
from statfe.learned.vae.annealing import _Particles, _path, _tuned, ais
from statfe.learned.vae.bounds import elbo, importance, iwae
from statfe.learned.vae.cumulants import cumulants, expand
from statfe.learned.vae.laplace import find_modes, laplace
from statfe.learned.vae.model import LIKELIHOODS, NOISE, Vae, VaeShape, fresh_vae
from statfe.learned.vae.posterior import Posterior
from statfe.learned.vae.quadrature import quadrature
from statfe.learned.vae.score import METHODS, default_methods, score_posterior
from statfe.random import generator
from tests.naive import vae as naive
from tests.retry import sequential


def posterior(likelihood="bernoulli", latent=1, seed=3, spread=0.4, activation="tanh", visible=6):
    """A model with parameters of order 1 at one data point."""
    rng = np.random.default_rng(seed)
    shape = VaeShape(visible, latent, (4,), (5,), likelihood, activation)
    vae = fresh_vae(shape, seed, precision="float64")
    vae = Vae(shape, vae.parameters + spread * rng.standard_normal(vae.parameters.shape))
    return Posterior(vae, vae.generate(1, rng)[1][0])


def linear_gaussian(latent=2, visible=5, seed=1):
    """Without hidden layers all is Gaussian: x ~ N(b, W^T W + v), posteriors too. The encoder is a little off."""
    rng = np.random.default_rng(seed)
    shape = VaeShape(visible, latent, (), (), "gaussian")
    vae = fresh_vae(shape, seed, precision="float64")
    arrays = vae.arrays
    W, b = rng.standard_normal((latent, visible)), rng.standard_normal(visible)
    arrays["decoder-weights-0"][:], arrays["decoder-biases-0"][:] = W, b
    arrays[NOISE][:] = rng.standard_normal(visible) * 0.3
    v = vae.shape.noise_floor + np.exp(arrays[NOISE])
    x = b + W.T @ rng.standard_normal(latent) + np.sqrt(v) * rng.standard_normal(visible)
    precision = np.eye(latent) + (W / v) @ W.T
    mean = np.linalg.solve(precision, (W / v) @ (x - b))
    arrays["encoder-weights-0"][:] = 0.0
    arrays["encoder-biases-0"][:] = np.concatenate([mean + 0.05, -np.log(np.diag(precision)) + 0.1])
    exact = -float(scipy.stats.multivariate_normal(b, W.T @ W + np.diag(v)).logpdf(x))
    return Posterior(vae, x), exact, mean, precision


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("latent", [1, 2, 3])
def test_slopes_and_densities_are_those_written_out(likelihood, latent):
    target = posterior(likelihood, latent)
    z = np.random.default_rng(0).standard_normal((5, latent))
    wanted = [naive.log_likelihood(target.vae, target.x, r) + naive.normal(r, np.zeros(latent), np.ones(latent))
              for r in z]
    assert target.log_joint(z) == pytest.approx(wanted, abs=1e-12)
    assert target.log_q(z) == pytest.approx([naive.normal(r, target.mean, target.width) for r in z], abs=1e-12)
    eps = (z - target.mean) / target.width
    assert target.exponents(eps) == pytest.approx(target.log_q(z) - target.log_joint(z), abs=1e-11)
    value, slopes = target.log_joint_slopes(z)
    assert value == pytest.approx(wanted, abs=1e-12)
    for c in range(latent):
        h = 1e-5 * np.eye(latent)[c]
        assert slopes[:, c] == pytest.approx((target.log_joint(z + h) - target.log_joint(z - h)) / 2e-5, abs=1e-8)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_quadrature_is_the_integral_over_a_line(likelihood):
    target = posterior(likelihood, 1, spread=0.8)
    found = quadrature(target, 0)
    wanted = scipy.integrate.quad(
        lambda z: math.exp(float(target.log_joint(np.array([[z]]))[0])), -12, 12, epsabs=0, epsrel=1e-12, limit=500,
        points=[float(target.mean[0])])[0]
    assert found.status == "converged"
    assert found.beta_f == pytest.approx(-math.log(wanted), abs=1e-9)


@pytest.mark.parametrize("activation", ["tanh", "softplus"])
def test_quadrature_is_the_integral_over_a_plane(activation):
    target = posterior("spin", 2, spread=0.8, activation=activation)
    nodes = np.linspace(-9, 9, 721)
    z = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    wanted = float(np.sum(np.exp(target.log_joint(z)))) * (nodes[1] - nodes[0]) ** 2
    assert quadrature(target, 0).beta_f == pytest.approx(-math.log(wanted), abs=1e-9)


def two_modes():
    """x says |z| = 2 alone, by a decoder of two soft ramps; q sits on one side."""
    shape = VaeShape(1, 1, (), (2,), "gaussian", "softplus")
    vae = fresh_vae(shape, 0, precision="float64")
    vae.arrays["decoder-weights-0"][:] = [[4.0, -4.0]]
    vae.arrays["decoder-weights-1"][:] = 0.25
    vae.arrays[NOISE][:] = math.log(0.05)
    vae.arrays["encoder-weights-0"][:] = 0.0
    vae.arrays["encoder-biases-0"][:] = [1.8, math.log(0.05)]
    return Posterior(vae, np.array([2.0]))


def test_quadrature_sees_both_modes_where_q_sits_on_one():
    target = two_modes()
    wanted = scipy.integrate.quad(
        lambda z: math.exp(float(target.log_joint(np.array([[z]]))[0])), -8, 8, epsabs=0, epsrel=1e-12,
        points=[-1.9, 0, 1.9], limit=500)[0]
    found = quadrature(target, 0)
    assert found.status == "converged"
    assert found.beta_f == pytest.approx(-math.log(wanted), abs=1e-8)
    assert len(find_modes(target, 0)) == 2
    near = laplace(target, 0)
    assert near.beta_f - found.beta_f == pytest.approx(math.log(2.0), abs=0.05)
    assert near.stats["all_modes_beta_f"] == pytest.approx(found.beta_f, abs=0.05)


@pytest.mark.parametrize("latent", [1, 2, 3, 5])
def test_everything_is_exact_where_all_is_gaussian(latent):
    target, exact, mean, precision = linear_gaussian(latent, visible=6)
    assert laplace(target, 0).beta_f == pytest.approx(exact, abs=1e-6)
    assert find_modes(target, 0)[0].precision == pytest.approx(precision, abs=1e-5)
    if latent <= 3:
        assert quadrature(target, 0).beta_f == pytest.approx(exact, abs=1e-7)
        gap = kl_of_normals(target.mean, np.diag(target.width**2), mean, np.linalg.inv(precision))
        assert elbo(target, 0).beta_f == pytest.approx(exact + gap, abs=1e-9)
    found = ais(target, 1, particles=128)
    assert abs(found.beta_f - exact) < 4.0 * found.beta_f_error


def kl_of_normals(m, S, mean, C):
    """KL(N(m, S) || N(mean, C))."""
    inverse = np.linalg.inv(C)
    return 0.5 * float(np.trace(inverse @ S) + (mean - m) @ inverse @ (mean - m) - len(m)
                       + np.linalg.slogdet(C)[1] - np.linalg.slogdet(S)[1])


def test_cumulants_are_those_of_a_quadratic_form():
    """Everything Gaussian: V = const + g.u + u.A.u/2, kappa_n = tr(A^n)(n-1)!/2 + n!/2 g.A^(n-2).g for n >= 2."""
    target, _, mean, precision = linear_gaussian(2, visible=6)
    s = np.diag(target.width)
    A = s @ precision @ s - np.eye(2)
    g = s @ precision @ (target.mean - mean)
    power, wanted = np.linalg.matrix_power, []
    for n in range(2, 7):
        wanted.append(0.5 * math.factorial(n - 1) * np.trace(power(A, n))
                      + 0.5 * math.factorial(n) * g @ power(A, n - 2) @ g)
    found = expand(target, 6, 0)
    assert found.kappas[1:] == pytest.approx(wanted, rel=1e-7, abs=1e-12)
    drawn = expand(target, 4, 5, "sampling", 2**18)
    factors = np.array([-1 / 2, 1 / 6, -1 / 24])
    assert np.all(np.abs(drawn.terms[1:] - factors * wanted[:3]) < 5.0 * drawn.term_errors[1:])


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("latent", [1, 2])
def test_methods_agree_with_quadrature(likelihood, latent):
    target = posterior(likelihood, latent, seed=5, spread=0.3)
    exact = quadrature(target, 0).beta_f
    bounds = [elbo(target, 0), iwae(target, 0, 4, 2000), iwae(target, 0, 64, 500)]
    assert bounds[0].beta_f > exact - 1e-10
    for bound in bounds[1:]:
        assert exact - 4.0 * bound.beta_f_error < bound.beta_f < bounds[0].beta_f + 4.0 * bound.beta_f_error
    assert bounds[2].beta_f < bounds[1].beta_f + 4.0 * bounds[1].beta_f_error
    sampled = elbo(target, 0, "sampling", 20000)
    assert abs(sampled.beta_f - bounds[0].beta_f) < 4.0 * sampled.beta_f_error
    first = cumulants(target, 0, 1)
    assert first.beta_f == pytest.approx(bounds[0].beta_f, abs=1e-8)
    assert first.kind == "upper_bound"
    weighted = importance(target, 0)
    if weighted.status == "converged":
        assert abs(weighted.beta_f - exact) < 4.5 * weighted.beta_f_error


def test_cumulants_close_the_gap_where_q_is_near():
    target, exact, *_ = linear_gaussian(2)
    gaps = [abs(cumulants(target, 0, order).beta_f - exact) for order in (1, 2, 4, 6)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.02 * gaps[0]


@pytest.mark.statistical
@pytest.mark.parametrize(("base", "leaps", "likelihood"), [
    ("q", 4, "bernoulli"), ("q", 1, "spin"), ("prior", 4, "gaussian"), ("prior", 1, "bernoulli")])
def test_annealing_is_unbiased(base, leaps, likelihood):
    target = posterior(likelihood, 2, seed=5, spread=0.3)
    exact = quadrature(target, 0).beta_f

    def p_value(first):
        logs = np.array([ais(target, 100 * first + k, base=base, leaps=leaps, temperatures=12, particles=256,
                             reverse=False).beta_f for k in range(12)])
        score = (logs.mean() - exact) / (logs.std(ddof=1) / math.sqrt(len(logs)))
        return 2.0 * scipy.stats.t.sf(abs(score), len(logs) - 1)

    sequential(p_value)


@pytest.mark.statistical
def test_moves_keep_the_posterior():
    """Exact draws of a Gaussian posterior, moved at t = 1 with long steps: means and variances stay."""
    target, _, mean, precision = linear_gaussian(2)
    root = np.linalg.inv(np.linalg.cholesky(precision)).T

    def p_value(seed):
        rng = generator(seed, 99)
        path = _path(target, "prior", 10, 3)
        run = _Particles(path, mean + rng.standard_normal((20000, 2)) @ root.T, rng)
        accepted = np.mean([run.move(10, 1.3) for _ in range(6)])
        assert 0.2 < accepted < 0.97
        u = (run.z - mean) @ np.linalg.inv(root).T
        return min(1.0, 2.0 * min(scipy.stats.kstest(u[:, c], "norm").pvalue for c in range(2)))

    sequential(p_value)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("leaps", [1, 3])
def test_a_move_is_a_leapfrog_written_out_with_its_rejection(likelihood, leaps):
    target, rng, t = posterior(likelihood, 2), np.random.default_rng(0), 0.6
    path = _path(target, "q", 10, leaps)
    run = _Particles(path, rng.standard_normal((200, 2)), rng)
    z, momenta, uniforms, steps = run.z.copy(), rng.standard_normal((200, 2)), rng.random(200), np.array([0.5, 0.9])
    hamiltonian_move(
        run.z, t, path.mean, path.width, momenta, uniforms, steps, leaps, *run._decoder, run.log_p, run.slopes)

    def log_target(at):
        return (1.0 - t) * target.log_q(at) + t * target.log_joint(at)

    def force(at):
        return -(1.0 - t) * (at - target.mean) / target.width**2 + t * target.log_joint_slopes(at)[1]

    at, p = z.copy(), momenta.copy()
    for _ in range(leaps):
        p = p + 0.5 * steps * force(at)
        at = at + steps * p
        p = p + 0.5 * steps * force(at)
    rise = log_target(at) - log_target(z) - 0.5 * np.sum(p**2 - momenta**2, axis=1)
    accepted = uniforms > 1.0 - np.exp(np.minimum(rise, 0.0))
    assert 10 < accepted.sum() < 190
    assert run.z == pytest.approx(np.where(accepted[:, None], at, z), abs=1e-10)
    assert run.log_p == pytest.approx(target.log_likelihood(run.z), abs=1e-10)
    assert run.slopes - run.z == pytest.approx(target.log_joint_slopes(run.z)[1], abs=1e-9)


def test_the_bracket_holds_the_truth_where_the_way_back_begins_at_an_exact_draw():
    rng = np.random.default_rng(4)
    target = posterior("bernoulli", 2, seed=6)
    inside = 0
    for seed in range(12):
        z, x = target.vae.generate(1, rng)
        here = Posterior(target.vae, x[0])
        exact, found = quadrature(here, 0).beta_f, ais(here, seed, particles=64, temperatures=30, exact=z[0])
        stats = found.stats
        assert stats["lower_bound_rigorous"]
        inside += stats["lower_bound"] - 0.1 < exact < stats["upper_bound"] + 4.0 * stats["upper_bound_error"]
    assert inside >= 11


def test_step_lengths_are_found():
    for leaps, share in ((1, 0.6), (4, 0.8)):
        path = _tuned(_path(posterior("bernoulli", 3), "prior", 100, leaps), 0)
        rng = generator(1, 98)
        run = _Particles(path, rng.standard_normal((400, 3)), rng)
        accepted = [run.move(k, path.lengths[k]) for k in range(20, 101)]
        assert np.mean(accepted) == pytest.approx(share, abs=0.12)


@pytest.mark.parametrize("latent", [2, 5])
def test_scores_are_rows_with_the_same_bits_from_the_same_seed(latent):
    target = posterior("bernoulli", latent, seed=5, spread=0.3)
    rows, again = (score_posterior(target.vae, target.x, seed=7) for _ in range(2))
    assert [r.beta_f for r in rows] == [r.beta_f for r in again]
    assert [r.method.split(":")[0] for r in rows][:2] == (["quadrature", "ais"] if latent == 2 else ["ais", "elbo"])
    assert {r.method.split(":")[0] for r in rows} <= set(METHODS)
    assert len(rows) == len(default_methods(latent))
    for row in rows:
        assert row.to_dict()["model"] == f"vae:visible=6,latent={latent},likelihood=bernoulli"
        assert row.seconds > 0.0
        if row.kind == "upper_bound":
            assert row.beta_f > rows[0].beta_f - 4.0 * math.hypot(row.beta_f_error, rows[0].beta_f_error)


def test_bad_requests_are_refused():
    target = posterior("bernoulli", 5)
    with pytest.raises(SpecError, match="did you mean"):
        score_posterior(target.vae, target.x, ["cumulant"])
    with pytest.raises(UsageError, match="one by one"):
        Posterior(target.vae, np.zeros((2, 6)))
    specs = ["quadrature", "cumulants:evaluation=quadrature", "elbo:evaluation=quadrature"]
    deep = score_posterior(target.vae, target.x, specs)
    assert all(row.status == "not_converged" and math.isnan(row.beta_f) and row.message for row in deep)
    with pytest.raises(UsageError, match="draws of the posterior"):
        ais(target, 0, exact=np.zeros(3))


def test_the_way_from_the_prior_finds_both_modes():
    target = two_modes()
    exact = quadrature(target, 0).beta_f
    found = ais(target, 0, base="prior", particles=256)
    assert abs(found.beta_f - exact) < 4.0 * found.beta_f_error
    assert iwae(target, 0).beta_f > exact + 0.5
