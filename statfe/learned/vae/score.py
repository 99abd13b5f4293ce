"""Free energies of the posteriors of a variational autoencoder, by method, in the rows of all other methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from statfe.errors import SpecError, unknown_name
from statfe.learned.vae.annealing import ais
from statfe.learned.vae.bounds import elbo, importance, iwae
from statfe.learned.vae.cumulants import HIGHEST_ORDER, cumulants
from statfe.learned.vae.gaussian_part import gaussian_cumulants
from statfe.learned.vae.halfway import halfway_cumulants
from statfe.learned.vae.laplace import laplace
from statfe.learned.vae.model import Vae
from statfe.learned.vae.posterior import Posterior
from statfe.learned.vae.quadrature import MAX_LATENT, quadrature
from statfe.result import FreeEnergy, Outcome
from statfe.series.cumulant_outcome import RULES
from statfe.spec import Option, check_options, split_spec


@dataclass(frozen=True)
class PosteriorMethod:
    """One way to -ln p(x): ``run(posterior, seed, **options)`` gives an `Outcome`."""

    name: str
    summary: str
    run: Callable[..., Outcome]
    options: tuple[Option, ...] = ()


_EVALUATION = Option(
    "evaluation", "str", "auto", "Gauss-Hermite sums under q, or samples", choices=("auto", "quadrature", "sampling"))
_OF_CUMULANTS = (
    Option("order", "int", 4, "terms", minimum=1, maximum=HIGHEST_ORDER), _EVALUATION,
    Option("samples", "int", 65536, "samples of q where they are drawn", minimum=128))

#: Methods by name.
METHODS = {method.name: method for method in (
    PosteriorMethod("quadrature", "the reference in up to three latent dimensions", quadrature),
    PosteriorMethod("elbo", "the negative ELBO", elbo, (
        _EVALUATION, Option("samples", "int", 4096, "samples of q", minimum=2))),
    PosteriorMethod("iwae", "the bound of k importance-weighted samples", iwae, (
        Option("samples", "int", 64, "k", minimum=1), Option("groups", "int", 256, "groups of k", minimum=2))),
    PosteriorMethod("importance-sampling", "weighted samples of q", importance, (
        Option("samples", "int", 16384, "samples of q", minimum=2),
        Option("defence", "float", 0.2, "share of them from a broader q and the prior", minimum=0.0, maximum=1.0))),
    PosteriorMethod("cumulants", "the expansion around the negative ELBO", lambda posterior, seed, **options: cumulants(
        posterior, seed, options["order"], options["sum"], options["evaluation"], options["samples"]), (
        Option("order", "int", 4, "terms", minimum=1, maximum=HIGHEST_ORDER),
        Option("sum", "str", "plain", "what is made of them", choices=RULES), _EVALUATION,
        Option("samples", "int", 65536, "samples of q where they are drawn", minimum=128))),
    PosteriorMethod("gaussian-cumulants", "cumulants, with those of V's quadratic part summed to all orders",
                    gaussian_cumulants, _OF_CUMULANTS),
    PosteriorMethod("halfway-cumulants", "weighted samples half of the way from q, cumulants from there",
                    halfway_cumulants, _OF_CUMULANTS),
    PosteriorMethod("laplace", "a Gaussian at the highest mode", laplace),
    PosteriorMethod("ais", "annealed importance sampling by Hamiltonian moves, and back", ais, (
        Option("base", "str", "q", "where particles start", choices=("q", "prior")),
        Option("temperatures", "int", 100, "steps of the path", minimum=1),
        Option("particles", "int", 64, "particles", minimum=2),
        Option("leaps", "int", 4, "leapfrog steps a move; 1 for Langevin moves", minimum=1))),
)}


def default_methods(latent: int) -> list[str]:
    """Specs of all methods that take this many latent dimensions, the reference first."""
    orders = [f"cumulants:order={k}" for k in range(2, HIGHEST_ORDER + 1)]
    reference = ["quadrature", "ais"] if latent <= MAX_LATENT else ["ais"]
    rule = f"cumulants:order={HIGHEST_ORDER},sum=smallest-term"
    return [*reference, "elbo", "iwae", "importance-sampling", *orders, rule, "gaussian-cumulants", "halfway-cumulants",
            "laplace"]


def score_posterior(
    vae: Vae, x: np.ndarray, methods: Iterable[str] | None = None, seed: int = 0
) -> list[FreeEnergy]:
    """-ln p(x) by each of `methods`, in their order.

    Parameters
    ----------
    x
        One data point, shape (visible,).
    methods
        Specs such as ``cumulants:order=3`` or ``ais:base=prior``; those of `default_methods` when None.
    seed
        Same seed, same bits; each method has streams of its own.

    Returns
    -------
    list of FreeEnergy
        With ``beta`` 1, ``beta_f`` = -ln p(x) and ``n_sites`` the units of x.
    """
    posterior = Posterior(vae, x)
    specs = default_methods(posterior.latent) if methods is None else list(methods)
    return [_row(posterior, spec, seed) for spec in specs]


def model_spec(vae: Vae) -> str:
    """What a row says of its model."""
    shape = vae.shape
    return f"vae:visible={shape.visible},latent={shape.latent},likelihood={shape.likelihood}"


def _row(posterior: Posterior, spec: str, seed: int) -> FreeEnergy:
    name, raw = split_spec(spec)
    if name not in METHODS:
        raise SpecError(unknown_name("method of a posterior", name, METHODS))
    method = METHODS[name]
    checked = check_options(name, raw, method.options)
    began = time.perf_counter()
    outcome = method.run(posterior, seed, **checked.options)
    return FreeEnergy(
        model=model_spec(posterior.vae), method=str(checked), kind=outcome.kind, status=outcome.status,
        message=outcome.message, beta=1.0, n_sites=posterior.vae.shape.visible, beta_f=outcome.beta_f,
        beta_f_error=outcome.beta_f_error, seconds=time.perf_counter() - began,
        stats={**outcome.stats, "seed": seed})
