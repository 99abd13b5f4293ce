"""One free energy against its reference: the gap, how sure we are of it, and a verdict in words.

With gap = beta_f - reference_beta_f and sigma = hypot(own error, reference error), all extensive and in nats,
the first rule that holds gives the verdict:

1. the method has no converged number: ``no result (status)``;
2. the reference has not converged: ``reference not converged``;
3. an upper bound lies below the reference, or a lower bound above it, by more than 3 sigma:
   ``bound violated (x sigma)``;
4. the gap is rounding, 1e-10 max(1, |reference|): ``within error``;
5. the reference error is as large as the gap: ``reference too weak to judge``;
6. the gap is at most 3 sigma: ``within error``;
7. ``off by x nats a site (y sigma)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from statfe.errors import UsageError
from statfe.result import FreeEnergy, Status, plain

#: A gap of up to this many standard deviations is what chance gives.
SIGMAS = 3.0

#: Relative agreement of two numbers that are equal but for rounding.
ROUNDING = 1e-10

WITHIN = "within error"
TOO_WEAK = "reference too weak to judge"
BOUND_VIOLATED = "bound violated"
OFF = "off by"
NO_RESULT = "no result"
NO_REFERENCE = "reference not converged"

#: What each verdict begins with, best first.
VERDICTS = (WITHIN, TOO_WEAK, OFF, BOUND_VIOLATED, NO_RESULT, NO_REFERENCE)


@dataclass(frozen=True, kw_only=True)
class Score:
    """A free energy with its distance from the reference.

    Attributes
    ----------
    result
        The free energy that is judged.
    reference
        Spec of the method that made the reference.
    reference_beta_f, reference_error
        The reference and its standard deviation, in nats.
    error
        beta_f - reference_beta_f in nats; positive where F is too high (at beta > 0). NaN without a result.
    error_per_site
        error / N.
    sigmas
        error / hypot(own error, reference error), signed; NaN where both errors are 0. Like `error` NaN too where the
        reference has not converged: nothing is held against a reference that failed.
    verdict
        In words; begins with one of `VERDICTS`.
    bound_violated
        Whether a bound lies on the wrong side of the reference by more than chance or rounding.
    reference_status
        Status of the reference.
    magnetization_rms, correlation_rms
        Root mean square error of <s_i> over sites, and of <s_i s_j> over coupled pairs, without the noise; NaN where
        nothing was scored.
    magnetization_noise, correlation_noise
        That noise: of the true values, and of the method where it samples. Errors well below it cannot be seen.
    """

    result: FreeEnergy
    reference: str
    reference_beta_f: float
    reference_error: float
    error: float
    error_per_site: float
    sigmas: float
    verdict: str
    bound_violated: bool
    reference_status: Status = "converged"
    magnetization_rms: float = math.nan
    magnetization_noise: float = math.nan
    correlation_rms: float = math.nan
    correlation_noise: float = math.nan

    @property
    def verdict_class(self) -> str:
        """The one of `VERDICTS` that the verdict begins with."""
        return next(v for v in VERDICTS if self.verdict.startswith(v))

    @property
    def judged(self) -> bool:
        """Whether there is a converged number and a converged reference to hold it against."""
        return self.verdict_class not in (NO_RESULT, NO_REFERENCE)

    @property
    def combined_error(self) -> float:
        """Standard deviation of `error`: hypot(own error, reference error), in nats."""
        return math.hypot(self.result.beta_f_error, self.reference_error)

    @property
    def at_reference(self) -> bool:
        """Whether the reference cannot tell it from the truth: the gap is rounding, or 3 errors of the reference.

        The error of the result itself is left out: a noisy result is no better for its noise.
        """
        rounding = ROUNDING * max(1.0, abs(self.reference_beta_f))
        return self.verdict_class in (WITHIN, TOO_WEAK) and abs(self.error) <= max(
            SIGMAS * self.reference_error, rounding)

    def to_dict(self) -> dict[str, Any]:
        """One row of the contract, in its order; NaN and infinities become None."""
        row = self.result.to_dict()
        mine = ("reference", "reference_beta_f", "reference_error", "error", "error_per_site", "sigmas",
                "verdict", "bound_violated", "reference_status", "magnetization_rms", "magnetization_noise",
                "correlation_rms", "correlation_noise")
        row.update(plain({name: getattr(self, name) for name in mine}))
        return row


def judge(reference: FreeEnergy, result: FreeEnergy) -> Score:
    """Hold `result` against `reference`, both at the same beta, by the rules above.

    A bound counts as violated only where the reference can show it: an upper bound may lie below another
    upper bound, and nothing follows from an uncontrolled reference.

    Raises
    ------
    UsageError
        The two are of different sizes or at different beta.
    """
    if result.n_sites != reference.n_sites:
        raise UsageError(f"{result.method} has {result.n_sites} sites, the reference {reference.n_sites}")
    if not math.isclose(result.beta, reference.beta, rel_tol=1e-12, abs_tol=1e-300):
        raise UsageError(f"{result.method} is at beta={result.beta:g}, its reference at {reference.beta:g}")
    has_result = result.status == "converged" and math.isfinite(result.beta_f)
    gap = result.beta_f - reference.beta_f if has_result and reference.status == "converged" else math.nan
    sigma = math.hypot(result.beta_f_error, reference.beta_f_error)
    verdict, violated = _verdict(reference, result, has_result, gap, sigma)
    return Score(
        result=result, reference=reference.method, reference_beta_f=reference.beta_f,
        reference_error=reference.beta_f_error, error=gap, error_per_site=gap / result.n_sites,
        sigmas=gap / sigma if sigma > 0 else math.nan, verdict=verdict, bound_violated=violated,
        reference_status=reference.status)


def _verdict(
    reference: FreeEnergy, result: FreeEnergy, has_result: bool, gap: float, sigma: float
) -> tuple[str, bool]:
    """The verdict and whether a bound is violated; numbers are those of the rules at the top of this file."""
    rounding = ROUNDING * max(1.0, abs(reference.beta_f))
    if not has_result:  # 1
        return f"{NO_RESULT} ({result.status})", False
    if reference.status != "converged":  # 2
        return NO_REFERENCE, False
    if _wrong_side(reference, result, gap) > max(SIGMAS * sigma, rounding):  # 3
        return f"{BOUND_VIOLATED} ({_significance(gap, sigma) or 'beyond rounding'})", True
    if abs(gap) <= rounding:  # 4
        return WITHIN, False
    if reference.beta_f_error >= abs(gap):  # 5
        return TOO_WEAK, False
    if abs(gap) <= SIGMAS * sigma:  # 6
        return WITHIN, False
    return _off(gap, sigma, result.n_sites), False  # 7


def _wrong_side(reference: FreeEnergy, result: FreeEnergy, gap: float) -> float:
    """How far a bound lies on the side where it must not be; negative where it is fine or shows nothing."""
    if result.kind == "upper_bound" and reference.kind in ("exact", "estimate", "lower_bound"):
        return -gap
    if result.kind == "lower_bound" and reference.kind in ("exact", "estimate", "upper_bound"):
        return gap
    return -math.inf


def _significance(gap: float, sigma: float) -> str:
    if sigma == 0:
        return ""
    ratio = abs(gap) / sigma
    return f"{ratio:.1f} sigma" if ratio < 1e4 else f"{ratio:.1e} sigma"


def _off(gap: float, sigma: float, n_sites: int) -> str:
    size, noise = abs(gap) / n_sites, sigma / n_sites
    digits = 4
    if noise > 0:  # down to the first digit of the noise, but 2 to 4 significant digits
        digits = 1 + math.floor(math.log10(size)) - math.floor(math.log10(noise))
        digits = min(4, max(2, digits))
    text = f"{OFF} {size:#.{digits}g}".rstrip(".") + " nats a site"
    return f"{text} ({_significance(gap, sigma)})" if sigma else text
