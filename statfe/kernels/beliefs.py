"""Beliefs of sites and pairs from their fields, in logarithms: normalisations, correlations, the Bethe free energy.

A pair has the belief exp(a s t + g s + f t) / Z, a site exp(H s) / 2 cosh H.
"""

from __future__ import annotations

import math

from statfe._jit import njit


@njit
def log_2cosh(x):
    """ln(2 cosh x) without overflow."""
    y = abs(x)
    return y + math.log1p(math.exp(-2.0 * y))


@njit
def log_pair(a, g, f):
    """ln Z = ln [2 e^a cosh(g + f) + 2 e^-a cosh(g - f)]."""
    like = a + log_2cosh(g + f)
    unlike = -a + log_2cosh(g - f)
    top = max(like, unlike)
    return top + math.log1p(math.exp(min(like, unlike) - top))


@njit
def site_terms(totals, out):
    """out_i = ln(2 cosh H_i)."""
    for i in range(len(totals)):
        out[i] = log_2cosh(totals[i])


@njit
def edge_terms(indptr, reverse, strengths, cavities, out):
    """Per site, half of its pairs' terms of the Bethe free energy (see `statfe.methods.approximate.bethe`).

    out_i = (1/2) sum_k [ln C_k + ln C_reverse(k) - ln Z_k], with
    ln C(g) = (1/2) [ln 2cosh(a + g) + ln 2cosh(a - g)] for the two cavity fields g, f of a pair.
    """
    for i in range(len(indptr) - 1):
        total = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            a = strengths[k]
            g = cavities[k]
            f = cavities[reverse[k]]
            constants = log_2cosh(a + g) + log_2cosh(a - g) + log_2cosh(a + f) + log_2cosh(a - f)
            total += 0.5 * constants - log_pair(a, g, f)
        out[i] = 0.5 * total


@njit
def pair_correlations(strengths, reverse, cavities, out):
    """out[k] = <s t> in the belief of the pair of slot k."""
    for k in range(len(strengths)):
        g = cavities[k]
        f = cavities[reverse[k]]
        # tanh of half the difference of ln weight(s = t) and ln weight(s = -t)
        out[k] = math.tanh(strengths[k] + 0.5 * (log_2cosh(g + f) - log_2cosh(g - f)))


@njit
def pair_couplings(strengths, reverse, cavities, out):
    """out[k] = the correlation coefficient r = <s t>_c / (v v')^(1/2) of the pair of slot k, v = 1 - <s>^2.

    With weights p of ++, +-, -+, --: <s t>_c = 4 (p++ p-- - p+- p-+) and v = 4 p+ p-, and
    p++ p-- = p+- p-+ exp(4 a), so r = (p++ p--)^(1/2) (p+- p-+)^(1/2) 2 sinh(2 a) / (p+ p- p'+ p'-)^(1/2).
    """
    for k in range(len(strengths)):
        a = strengths[k]
        g = cavities[k]
        f = cavities[reverse[k]]
        # ln (p+ p-)^(1/2) of either side, times Z: the fields e^(+-g) cancel
        mine = 0.5 * (log_2cosh(f + a) + log_2cosh(f - a))
        other = 0.5 * (log_2cosh(g + a) + log_2cosh(g - a))
        x = abs(a)
        size = math.exp(2.0 * x - mine - other) * -math.expm1(-4.0 * x)
        out[k] = size if a > 0.0 else -size


@njit
def mean_terms(indptr, reverse, strengths, fields, totals, cavities, out):
    """Per site, the Bethe free energy as a function of the means m_i = tanh(H_i), half of each pair's with each end.

    out_i = -beta h_i m_i + (1 - d_i) (m_i H_i - ln 2cosh H_i) + sum_k [g_k m_i - (1/2) ln Z_k] with the pairs' fields
    g. Stationary in them: right to second order in what the means of the pairs differ from m, and never above.
    """
    for i in range(len(indptr) - 1):
        m = math.tanh(totals[i])
        degree = indptr[i + 1] - indptr[i]
        value = -fields[i] * m + (1.0 - degree) * (m * totals[i] - log_2cosh(totals[i]))
        for k in range(indptr[i], indptr[i + 1]):
            own = cavities[reverse[k]]
            value += own * m - 0.5 * log_pair(strengths[k], cavities[k], own)
        out[i] = value
