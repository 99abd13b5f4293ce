"""The words of a report: what each kind and verdict means, and numbers as people read them."""

from __future__ import annotations

import math
import re

KIND_MEANING = {
    "exact": "Exact, but for rounding.",
    "estimate": "From sampling: right on average or with enough samples, with a standard error.",
    "upper_bound": "F is never below the true one; the true F is this or lower.",
    "lower_bound": "F is never above the true one; the true F is this or higher.",
    "uncontrolled": "An approximation that says nothing about its own error.",
}

VERDICT_MEANING = {
    "within error": "The gap is at most 3 sigma, or rounding: no difference is seen.",
    "reference too weak to judge": "The gap is within the error of the reference: sample it longer.",
    "off by": "The gap is real: more than 3 sigma.",
    "bound violated": "A bound lies on the wrong side of the reference by more than 3 sigma (or by more than "
    "rounding): either the method or the reference is wrong.",
    "no result": "The method did not converge, so it gives no number.",
    "reference not converged": "The reference failed its own checks here, so nothing is judged.",
}

#: A short class name of each verdict, for the style sheet.
VERDICT_CLASS = {
    "within error": "good",
    "reference too weak to judge": "weak",
    "off by": "off",
    "bound violated": "bad",
    "no result": "none",
    "reference not converged": "none",
}

#: What stands where there is no number.
NOTHING = "–"

MINUS = "−"

_RAISED = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

#: What the facts about a model are called.
FACT_NAMES = {
    "n_sites": "spins", "n_bonds": "bonds", "n_pairs": "coupled pairs", "mean_degree": "neighbours a spin, on average",
    "components": "connected pieces", "has_fields": "fields", "plaquette_kind": "shortest loops",
    "plaquettes": "number of these loops", "frustrated_plaquettes": "frustrated loops",
    "frustrated_fraction": "share of loops frustrated",
}


def shown(text: str) -> str:
    """`text` with control characters and lone surrogates, which no page can hold, written out as ``\\u001b``."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def number(value: float, digits: int = 3) -> str:
    """`value` with so many significant digits, such as −1.23×10⁻⁵; a dash where there is none."""
    if math.isnan(value):
        return NOTHING
    mantissa, _, exponent = f"{value:.{digits}g}".replace("-", MINUS).partition("e")
    if exponent:
        power = exponent.replace("+", "").lstrip("0").replace(MINUS + "0", MINUS)
        return f"{mantissa}×10{power.translate(_RAISED)}"
    return mantissa


def rms(value: float, noise: float) -> str:
    """A root mean square error; ``< noise`` where it is not above that."""
    return f"< {number(noise, 2)}" if value <= noise and noise > 0.0 else number(value, 2)


def with_error(value: float, error: float) -> str:
    """``−1.2345(12)``: `value` to the second digit of its error; 10 digits where the error is 0."""
    if not math.isfinite(value):
        return NOTHING
    return _with_error(value, error).replace("-", MINUS)


def _with_error(value: float, error: float) -> str:
    if not error > 0 or not math.isfinite(error):
        return f"{value:.10g}"
    places = 1 - math.floor(math.log10(error))
    if round(error * 10.0**places) >= 100:  # 0.0996 is 0.10, not 0.100
        places -= 1
    if places <= 0:
        scale = 10.0**-places
        return f"{round(value / scale) * scale:.0f}({round(error / scale) * scale:.0f})"
    if places > 12:
        return f"{value:.12g}({error:.1e})"
    return f"{value:.{places}f}({round(error * 10.0**places)})"


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 0.9995e-3:
        return f"{1e6 * seconds:.0f} µs"
    if seconds < 0.9995:
        return f"{1e3 * seconds:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def fact(value: object) -> str:
    """A fact about a model as text."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value, 6)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(fact(v) for v in value)
    return str(value)
