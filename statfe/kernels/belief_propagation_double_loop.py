"""The inner loop of the convergent double loop (see `statfe.propagation.double_loop`)."""

from __future__ import annotations

from statfe._jit import njit
from statfe.kernels.belief_propagation import message, total_field


@njit
def hold_sweep(indptr, reverse, strengths, decays, fields, holds, held, messages, totals):
    """One sweep over the sites, from the last to the first and back, with each site held near its old field; in place.

    totals_i = (beta h_i + sum_k u_k + r_i eta_i) / (1 + r_i) with holds r and held eta; site i then sends messages from
    the cavities totals_i - u_k.

    Returns
    -------
    float64
        Largest change of a message, relative to max(1, |message|); NaN where one is not a number.
    """
    n = len(indptr) - 1
    worst = 0.0
    for t in range(2 * n):
        i = n - 1 - t if t < n else t - n
        total = total_field(indptr, fields, messages, i)
        total = (total + holds[i] * held[i]) / (1.0 + holds[i])
        totals[i] = total
        for k in range(indptr[i], indptr[i + 1]):
            new = message(strengths[k], decays[k], total - messages[k])
            r = reverse[k]
            change = abs(new - messages[r]) / max(1.0, abs(new))
            if change > worst or change != change:  # NaN stays
                worst = change
            messages[r] = new
    return worst


@njit
def inner_loop(indptr, reverse, strengths, decays, fields, holds, held, messages, totals, limit, tolerance):
    """Sweeps until no message changes by more than `tolerance`.

    Returns
    -------
    int64
        Number of sweeps; `limit` + 1 where that many did not do.
    """
    for count in range(1, limit + 1):
        if hold_sweep(indptr, reverse, strengths, decays, fields, holds, held, messages, totals) <= tolerance:
            # the last totals go with the last messages
            for i in range(len(indptr) - 1):
                total = total_field(indptr, fields, messages, i)
                totals[i] = (total + holds[i] * held[i]) / (1.0 + holds[i])
            return count
    return limit + 1
