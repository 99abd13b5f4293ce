"""Trials that are Markov on a forest: from couplings and fields to moments, and correlations along its paths.

Sites come in an `order` in which parents precede their children; site i has the coupling K_i to its parent p. With the
fields t_i that summing out the children leaves,

    q(s) = prod_i exp[s_i (t_i + K_i s_p)] / 2 cosh(t_i + K_i s_p),     K_i s_p left out at a root,            (1)

is normalised whatever the numbers t and K are. Two-valued spins regress linearly: E[s_k | s_i] = m_k + b_ki (s_i - m_i)
with b_ki = cov(k, i) / (1 - m_i^2), and along a path b is the product of its steps.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit


@njit
def passed_on(field, coupling):
    """u = [ln cosh(t + K) - ln cosh(t - K)] / 2: what a spin in the field t hands on over K."""
    small = min(abs(field), abs(coupling))
    plus = np.log1p(np.exp(-2.0 * abs(field + coupling)))
    minus = np.log1p(np.exp(-2.0 * abs(field - coupling)))
    return (small if (field > 0.0) == (coupling > 0.0) else -small) + 0.5 * (plus - minus)


@njit
def half_entropy(x):
    """ln 2 cosh x - x tanh x, the entropy of a spin in the field x."""
    e = np.exp(-2.0 * abs(x))
    return np.log1p(e) + 2.0 * abs(x) * e / (1.0 + e)


@njit
def sum_out(order, parents, lambdas, couplings, fields):
    """Fields t of (1) for exp(sum K_i s_i s_p + sum lambda_i s_i) / norm, into `fields`; returns ln of the norm.

    ln 2 cosh(t + K s) = A + u s gives lambda_p its u, and the norm its A.
    """
    fields[:] = lambdas
    total = 0.0
    for position in range(len(order) - 1, -1, -1):
        i = order[position]
        t = fields[i]
        if parents[i] < 0:
            total += abs(t) + np.log1p(np.exp(-2.0 * abs(t)))
        else:
            K = couplings[i]
            fields[parents[i]] += passed_on(t, K)
            total += max(abs(t), abs(K)) + 0.5 * (
                np.log1p(np.exp(-2.0 * abs(t + K))) + np.log1p(np.exp(-2.0 * abs(t - K))))
    return total


@njit
def tree_moments(order, parents, fields, couplings, logits, means, down, up, correlations):
    """Moments of (1), from the roots down; returns its entropy.

    Parameters
    ----------
    logits, means
        Output: atanh m_i and m_i.
    down, up
        Output: b of each site given its parent, and of the parent given the site; 0 at roots.
    correlations
        Output: <s_i s_p> of each site with its parent; 0 at roots.
    """
    entropy = 0.0
    for i in order:
        p = parents[i]
        t = fields[i]
        if p < 0:
            logits[i] = t
            down[i] = 0.0
            up[i] = 0.0
            correlations[i] = 0.0
            entropy += half_entropy(t)
        else:
            K = couplings[i]
            cavity = logits[p] - passed_on(t, K)
            logits[i] = t + passed_on(cavity, K)
            high = np.tanh(t + K)
            low = np.tanh(t - K)
            down[i] = 0.5 * (high - low)
            up[i] = 0.5 * (np.tanh(cavity + K) - np.tanh(cavity - K))
            correlations[i] = down[i] + 0.5 * means[p] * (high + low)
            chance = 1.0 / (1.0 + np.exp(-2.0 * logits[p]))
            other = 1.0 / (1.0 + np.exp(2.0 * logits[p]))
            entropy += chance * half_entropy(t + K) + other * half_entropy(t - K)
        means[i] = np.tanh(logits[i])
    return entropy


@njit
def find_path(k, m, parents, depths, path):
    """Sites from k to m through the tree, into `path`; returns how many. Both must be in one tree."""
    first = 0
    last = len(path)
    while k != m:
        if depths[k] >= depths[m]:
            path[first] = k
            first += 1
            k = parents[k]
        else:
            last -= 1
            path[last] = m
            m = parents[m]
    path[first] = k
    first += 1
    for at in range(last, len(path)):
        path[first] = path[at]
        first += 1
    return first


@njit
def path_steps(rows, cols, parents, depths, most):
    """Sites on the paths between all pairs, or `most` once there are so many."""
    total = 0
    for pair in range(len(rows)):
        if total >= most:
            return most
        k = rows[pair]
        m = cols[pair]
        total += 1
        while k != m:
            total += 1
            if depths[k] >= depths[m]:
                k = parents[k]
            else:
                m = parents[m]
    return min(total, most)


@njit
def path_covariances(rows, cols, parents, depths, means, down, up, out):
    """cov(k, m) of pairs of sites, 0 where they lie in two trees: v_k times the b of l given k."""
    roots = np.empty(len(parents), dtype=np.int64)
    for i in range(len(parents)):
        root = i
        while parents[root] >= 0:
            root = parents[root]
        roots[i] = root
    for pair in range(len(rows)):
        k = rows[pair]
        m = cols[pair]
        if roots[k] != roots[m]:
            out[pair] = 0.0
            continue
        slope = 1.0 - means[k] ** 2
        while k != m:
            # the way up from k has the b of a parent given its child, the way down to m that of a child
            if depths[k] >= depths[m]:
                slope *= up[k]
                k = parents[k]
            else:
                slope *= down[m]
                m = parents[m]
        out[pair] = slope


@njit
def path_pull(rows, cols, strengths, parents, depths, means, down, up, by_site, by_bond):
    """g = sum_kl W_km <s_k s_m> over pairs off the tree, and its slopes in the moments m_i and c_i = <s_i s_p>.

    cov(k, m) is the product of the covariances of the steps over the variances between them, so with prefix products
    x_t = b of k given the site a_t on the path, and y_t = b of m given a_t,

        dg/dc of a step (a_t, a_t+1) = W x_t y_(t+1) =: D;    dg/dm of a_t: -D m_(t+1), of a_t+1: -D m_t,
        dg/dm of a site between: + 2 W m_t x_t y_t;           of the ends: W times the mean of the other.    (2)

    Parameters
    ----------
    by_site, by_bond
        dg/dm_i and dg/dc_i, added to; by_bond at the child.
    """
    total = 0.0
    path = np.empty(len(parents), dtype=np.int64)
    ahead = np.empty(len(parents))
    behind = np.empty(len(parents))
    for pair in range(len(rows)):
        k = rows[pair]
        m = cols[pair]
        W = strengths[pair]
        count = find_path(k, m, parents, depths, path)
        ahead[0] = 1.0
        for t in range(count - 1):
            a = path[t]
            ahead[t + 1] = ahead[t] * (down[a] if parents[a] == path[t + 1] else up[path[t + 1]])
        behind[count - 1] = 1.0
        for t in range(count - 1, 0, -1):
            a = path[t]
            behind[t - 1] = behind[t] * (down[a] if parents[a] == path[t - 1] else up[path[t - 1]])
        total += W * (means[k] * means[m] + (1.0 - means[k] ** 2) * behind[0])
        by_site[k] += W * means[m]
        by_site[m] += W * means[k]
        for t in range(count - 1):
            a = path[t]
            b = path[t + 1]
            D = W * ahead[t] * behind[t + 1]
            by_bond[a if parents[a] == b else b] += D
            by_site[a] -= D * means[b]
            by_site[b] -= D * means[a]
            if t > 0:
                by_site[a] += 2.0 * W * means[a] * ahead[t] * behind[t]
    return total
