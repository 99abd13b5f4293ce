"""[beta F] and what else a set of realisations says, beta by beta, with the checks that it must pass.

The error of [beta F] is the scatter of the realisations over the square root of their number: the noise of each is in
the scatter and is not counted twice. The bias of sampling, which falls as 1 / n with the draws, is not: it is measured
by the two halves of the replicas, whose bias is twice that of all, and what is significant of it is added.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from statfe.disorder import moments
from statfe.disorder.ensemble import Ensemble
from statfe.disorder.identities import annealed_sigmas, gaussian_links, nishimori
from statfe.disorder.rows import CONVERGED, Rows
from statfe.result import FreeEnergy, Status

#: Quantiles that are kept, and bins of the histogram.
QUANTILES = (0.01, 0.05, 0.16, 0.25, 0.5, 0.75, 0.84, 0.95, 0.99)
BINS = 40
#: An identity may be off by this many standard deviations.
MAX_SIGMAS = 4.0
#: Effective number of realisations below which an annealed average is not trusted.
MIN_EFFECTIVE = 30.0
#: Failed realisations that a message names.
NAMED = 3

QUENCHED, ANNEALED = "quenched-average", "annealed-average"


@dataclass(frozen=True)
class Average:
    """What all realisations say at one beta.

    Attributes
    ----------
    beta_f, beta_f_error
        [beta F] and its error: scatter and significant bias.
    bias, bias_error
        What sampling adds to [beta F] on average, measured and not taken off; NaN where halves say nothing.
    deviation, deviation_error, raw_deviation, skewness, skewness_error
        Of beta F from sample to sample, without sampling noise but for `raw_deviation`; see `moments.Spread`.
    noise, noise_ratio
        Root mean square of the sampling errors that the realisations state, and of what their halves show over it.
    annealed, annealed_error, annealed_effective, annealed_exact
        -ln [Z], how many realisations carry it, and its exact value where that is known.
    energy, energy_error, heat_capacity, heat_capacity_error, link_overlap, link_overlap_error
        Averages of <E>, beta^2 Var(E) and the link overlap.
    nishimori_sigmas, link_sigmas, annealed_sigmas
        Distance from the identities that apply, in standard deviations; else NaN.
    failed, missing
        Realisations that failed their checks, and those among them without any number.
    """

    beta: float
    realisations: int
    beta_f: float
    beta_f_error: float
    bias: float
    bias_error: float
    deviation: float
    deviation_error: float
    raw_deviation: float
    skewness: float
    skewness_error: float
    noise: float
    noise_ratio: float
    annealed: float
    annealed_error: float
    annealed_effective: float
    annealed_exact: float
    energy: float
    energy_error: float
    heat_capacity: float
    heat_capacity_error: float
    link_overlap: float
    link_overlap_error: float
    nishimori_sigmas: float
    link_sigmas: float
    annealed_sigmas: float
    failed: int
    missing: int
    quantiles: np.ndarray
    counts: np.ndarray
    edges: np.ndarray
    status: Status
    message: str

    def numbers(self) -> dict[str, float]:
        """All scalars by name, without beta."""
        return {name: value for name, value in asdict(self).items()
                if isinstance(value, (int, float)) and name not in ("beta", "realisations")}


def average(ensemble: Ensemble, rows: Rows, seeds: list[int], beta: float, k: int) -> Average:
    """The average at beta number `k`."""
    n = {name: array[:, k] for name, array in rows.numbers.items()}
    f, M = n["beta_f"], len(rows)
    mean, scatter = moments.mean_and_error(f)
    bias, bias_error = moments.mean_and_error(n["half_shift"])
    significant = math.sqrt(max(bias**2 - 4.0 * bias_error**2, 0.0)) if math.isfinite(bias) else 0.0
    noise = _noise(n)
    spread = moments.spread(f, noise)
    annealed, annealed_error, effective = moments.annealed(f)
    bonds = int(rows.bonds[0])
    exact = ensemble.annealed(beta, bonds)
    energy, heat, link = (moments.mean_and_error(n[name]) for name in ("energy", "heat_capacity", "link_overlap"))
    counts, edges = moments.histogram(f, BINS)
    sigmas = {
        "nishimori_sigmas": nishimori(ensemble, beta, n["energy"], rows.bonds),
        "link_sigmas": gaussian_links(ensemble, beta, n, rows.bonds)}
    failed, missing = int(np.sum(rows.status[:, k] != CONVERGED)), int(np.sum(~np.isfinite(f)))
    stated = math.sqrt(float(np.mean(n["beta_f_error"] ** 2)))
    message = "; ".join(_problems(rows, seeds, k, failed, missing, sigmas))
    return Average(
        beta=beta, realisations=M, beta_f=mean, beta_f_error=math.hypot(scatter, significant), bias=bias,
        bias_error=bias_error, deviation=spread.deviation, deviation_error=spread.deviation_error,
        raw_deviation=spread.raw, skewness=spread.skewness, skewness_error=spread.skewness_error, noise=stated,
        noise_ratio=math.sqrt(float(noise.mean())) / stated if stated > 0.0 else math.nan,
        annealed=annealed, annealed_error=annealed_error, annealed_effective=effective,
        annealed_exact=math.nan if exact is None else exact,
        annealed_sigmas=annealed_sigmas(annealed, annealed_error, effective, exact, MIN_EFFECTIVE),
        energy=energy[0], energy_error=energy[1], heat_capacity=heat[0], heat_capacity_error=heat[1],
        link_overlap=link[0], link_overlap_error=link[1], **sigmas, failed=failed, missing=missing,
        quantiles=np.quantile(f, QUANTILES) if not missing else np.full(len(QUANTILES), math.nan), counts=counts,
        edges=edges, status="diverged" if missing else "not_converged" if message else "converged", message=message)


def _noise(n: Mapping[str, np.ndarray]) -> np.ndarray:
    """Variance of the sampling noise of each realisation: what its halves show, else what it states."""
    shown = n["half_spread"] ** 2
    return np.where(np.isfinite(shown), shown, n["beta_f_error"] ** 2)


def _problems(rows: Rows, seeds: list[int], k: int, failed: int, missing: int,
              sigmas: Mapping[str, float]) -> list[str]:
    """What is wrong with the average, in words."""
    found = []
    if failed:
        one = next(rows.first_messages(k))
        some = ", ".join(str(row) for row, _ in list(rows.first_messages(k))[:NAMED])
        kept = (f"{missing} without any number, so there is no average" if missing
                else "the average holds the best that each gave")
        found.append(
            f"{failed} of {len(rows)} realisations failed their checks ({some}{', ...' if failed > NAMED else ''}); "
            f"{kept}; realisation {one[0]}, seed {seeds[one[0]]}: {one[1]}")
    for name, words in (("nishimori_sigmas", "the energy that it has on the Nishimori line"),
                        ("link_sigmas", "the energy that its link overlap implies in equilibrium")):
        if abs(sigmas[name]) > MAX_SIGMAS:
            found.append(f"the mean energy is {abs(sigmas[name]):.1f} sigma from {words}: the chains are not in "
                         "equilibrium; raise sweeps")
    return found


def averages(ensemble: Ensemble, rows: Rows, seeds: list[int], betas: np.ndarray) -> list[Average]:
    """The average at every beta."""
    with np.errstate(over="ignore", invalid="ignore"):
        return [average(ensemble, rows, seeds, float(beta), k) for k, beta in enumerate(betas)]


def free_energies(ensemble: Ensemble, found: list[Average], seed: int) -> list[FreeEnergy]:
    """The averages as free energies: [beta F] first, then -ln [Z]."""
    results = []
    for a in found:
        stats: dict[str, Any] = {**a.numbers(), "realisations": a.realisations, "seed": seed}
        results.append(FreeEnergy(
            model=ensemble.spec, method=QUENCHED, kind="estimate", status=a.status, message=a.message, beta=a.beta,
            n_sites=ensemble.n_sites, beta_f=a.beta_f if not a.missing else math.nan,
            beta_f_error=a.beta_f_error if not a.missing else math.nan, stats=stats))
    for a in found:
        results.append(_annealed(ensemble, a, seed))
    return results


def _annealed(ensemble: Ensemble, a: Average, seed: int) -> FreeEnergy:
    status: Status = a.status
    words = [a.message] if a.message else []
    if a.annealed_effective < min(MIN_EFFECTIVE, a.realisations / 2) and a.deviation > 0.0:
        words.append(f"[Z] rests on {a.annealed_effective:.1f} of {a.realisations} realisations; raise their number, "
                     "or lower beta")
        status = "diverged" if a.missing else "not_converged"
    error = a.annealed_error if not a.missing else math.nan
    if math.isinf(error):
        error = math.nan
    return FreeEnergy(
        model=ensemble.spec, method=ANNEALED, kind="estimate", status=status, message="; ".join(words), beta=a.beta,
        n_sites=ensemble.n_sites, beta_f=a.annealed if not a.missing else math.nan, beta_f_error=error,
        stats={"effective_realisations": a.annealed_effective, "exact": a.annealed_exact,
               "sigmas": a.annealed_sigmas, "realisations": a.realisations, "seed": seed})
