r"""Kaufman's partition function of the finite square-lattice Ising torus.

Valid for an m x n torus (both sides at least 2, the double bonds of a side of length 2 counted) with one coupling a
direction and no fields; exact. An antiferromagnetic direction of even length is turned ferromagnetic by flipping every
second layer (a gauge map: Z is the same); one of odd length is frustrated and refused.
Cost: O(n) elementary functions, so 16384 x 16384 takes a millisecond.
Source: B. Kaufman, Phys. Rev. 76, 1232 (1949), eqs. (78)-(79) and the isotropic formula below them.

With K along the side of length m, K' along n, 2K* = -ln tanh K, and for q = 0 .. 2n-1

    cosh gamma_q = cosh 2K' cosh 2K* - sinh 2K' sinh 2K* cos(pi q / n),   gamma_0 = 2 (K' - K*),

    Z = 1/2 (2 sinh 2K)^{mn/2} [ prod_{q odd} 2 cosh(m gamma_q / 2) + prod_{q odd} 2 sinh(m gamma_q / 2)
                               + prod_{q even} 2 cosh(m gamma_q / 2) + prod_{q even} 2 sinh(m gamma_q / 2) ].

gamma_0 changes sign at T_c, and the fourth product with it. The code takes sinh 2K into each product:
a_q = sinh 2K exp(gamma_q) stays finite at K = 0, where K* does not, and every sum below is of positive terms.
The correlation of neighbours is d ln Z / dK over the number of bonds, by central differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from statfe.errors import NotApplicableError
from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.registry import Context, Method
from statfe.result import Moments, Outcome, exact_outcome

#: Step of differences times the longer side (what is sharp at T_c is as wide as 1 / side), and their weights.
REACH, STENCIL = 0.03, {-3: -1 / 60, -2: 3 / 20, -1: -3 / 4, 1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
NEAREST = "use transfer-matrix for a narrow strip, or mbar"


@per_model
def torus_couplings(model: IsingModel) -> tuple[float, float] | str:
    """The coupling along each of the two axes, or a sentence that says why there is none."""
    lattice = model.lattice
    if lattice is None or lattice.kind != "hypercubic" or len(lattice.shape) != 2 or not lattice.periodic:
        return f"needs a periodic square lattice; {NEAREST}"
    if min(lattice.shape) < 2 or lattice.n_sites != model.n_sites:
        return "needs two sides of length 2 or more; use transfer-matrix or tree"
    if model.has_fields:
        return f"there must be no fields; {NEAREST}"
    if model.uniform is not None:
        return model.uniform[0], model.uniform[0]
    i, j, J = model.pairs
    moves = [np.abs(a - b) for a, b in zip(_coordinates(i, model), _coordinates(j, model), strict=True)]
    found = []
    for axis, (side, move) in enumerate(zip(lattice.shape, moves, strict=True)):
        along = (moves[1 - axis] == 0) & ((move == 1) | (move == side - 1))
        expected = model.n_sites // 2 if side == 2 else model.n_sites
        values = J[along] / (2.0 if side == 2 else 1.0)
        if len(values) == 0:
            found.append(0.0)
        elif len(values) != expected or np.ptp(values) > 4e-16 * abs(values[0]):
            return f"the couplings along axis {axis} are not all equal; {NEAREST}"
        else:
            found.append(float(values[0]))
        moves[axis] = np.where(along, 0, move)
    if any(np.any(move) for move in moves):
        return f"there are bonds beyond the nearest neighbours; {NEAREST}"
    return found[0], found[1]


def _coordinates(sites: np.ndarray, model: IsingModel) -> tuple[np.ndarray, ...]:
    assert model.lattice is not None
    return np.unravel_index(sites, model.lattice.shape)


def _frustrated(model: IsingModel, couplings: tuple[float, float], sign: float) -> str:
    """Why the gauge map to ferromagnetic couplings fails at a beta of this sign, or ""."""
    assert model.lattice is not None
    for axis, (side, J) in enumerate(zip(model.lattice.shape, couplings, strict=True)):
        if side % 2 and sign * J < 0:
            return f"axis {axis} is antiferromagnetic with the odd length {side}, hence frustrated; {NEAREST}"
    return ""


def obstacle(model: IsingModel) -> str:
    """Refuse all but uniform, unfrustrated tori without fields."""
    couplings = torus_couplings(model)
    return couplings if isinstance(couplings, str) else _frustrated(model, couplings, 1.0)


def cost(model: IsingModel, n_betas: int) -> float:
    """A dozen elementary functions for each q."""
    sides = model.lattice.shape if model.lattice is not None else (model.n_sites,)
    return n_betas * (2e5 + 300.0 * min(sides))


def log_z(shape: tuple[int, int], K: float, Kp: float) -> float:
    """ln Z of an m x n torus with dimensionless couplings K (along m) and Kp (along n), both >= 0.

    Parameters
    ----------
    shape
        (m, n), both at least 2.
    K, Kp
        beta J along the side of length m and of length n.
    """
    m, n = shape
    u, v = np.exp(-2.0 * K), np.exp(-2.0 * Kp)
    # Everything below carries a factor exp(-2K - 2K'), so that nothing overflows.
    s = -0.5 * np.expm1(-4.0 * K) * v  # sinh 2K
    # sinh 2K sinh^2(gamma_q / 2) = d^2 + sinh 2K' sin^2(pi q / 2n), with d = sqrt(sinh 2K) sinh(K' - K*).
    # 8^{1/2} d = 1 - u - v - uv, written so that the smaller of K, K' loses no digits.
    d = (-np.expm1(-2.0 * min(K, Kp)) - np.exp(-2.0 * max(K, Kp)) * (1.0 + np.exp(-2.0 * min(K, Kp)))) / np.sqrt(8.0)
    q = np.arange(2 * n)
    g = d * d - 0.5 * np.expm1(-4.0 * Kp) * u * np.sin(np.pi * q / (2 * n)) ** 2
    with np.errstate(divide="ignore", over="ignore"):
        log_a = np.log(s + 2.0 * g + 2.0 * np.sqrt(g * (g + s)))
        decay = -2.0 * m * np.arcsinh(np.sqrt(g / s)) if s > 0.0 else np.full(2 * n, -np.inf)  # -m gamma_q
        up, down = np.log1p(np.exp(decay)), np.log(-np.expm1(decay))
    odd, even = slice(1, None, 2), slice(0, None, 2)
    half_odd, half_even = 0.5 * m * log_a[odd].sum(), 0.5 * m * log_a[even].sum()
    products = np.array([half_odd + up[odd].sum(), half_odd + down[odd].sum(),
                         half_even + up[even].sum(), half_even + down[even].sum()])
    # The last two may cancel to the last digit above T_c, where `scipy.special.logsumexp` gives NaN.
    top = products.max()
    bracket = top + np.log(np.dot([1.0, 1.0, 1.0, np.sign(d)], np.exp(products - top)))
    return float(m * n * (K + Kp + 0.5 * np.log(2.0)) - np.log(2.0) + bracket)


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """ln Z at every beta.

    Raises
    ------
    NotApplicableError
        At a negative beta where a side of odd length becomes frustrated.
    """
    couplings = torus_couplings(model)
    assert model.lattice is not None
    assert not isinstance(couplings, str)
    for sign in np.unique(np.sign(betas)):
        if reason := _frustrated(model, couplings, float(sign)):
            raise NotApplicableError(f"kaufman at {'negative' if sign < 0 else 'positive'} beta: {reason}")
    (m, n), (K, Kp) = model.lattice.shape, np.abs(couplings)
    if n > m:  # the number of products goes with the second side
        m, n, K, Kp = n, m, Kp, K
    with np.errstate(over="ignore", invalid="ignore"):  # the outcome says so
        outcomes = [exact_outcome(log_z((m, n), abs(b) * K, abs(b) * Kp)) for b in betas]
    return [replace(o, moments=partial(moments_at, model, float(b))) if o.status == "converged" else o
            for o, b in zip(outcomes, betas, strict=True)]


def neighbours(shape: tuple[int, int], K: float, Kp: float) -> float:
    """<s s'> of neighbours along the side of length m: d ln Z / dK over the m n bonds, good to 1e-9."""
    h = min(REACH / max(shape), 0.25 * K)
    if h == 0.0:
        return 0.0
    wide = (max(shape), min(shape)) != shape  # `log_z` is faster with the longer side first
    pairs = [(K + k * h, Kp) for k in STENCIL]
    values = [log_z(shape[::-1], b, a) if wide else log_z(shape, a, b) for a, b in pairs]
    return float(np.dot(list(STENCIL.values()), values)) / (h * shape[0] * shape[1])


def moments_at(model: IsingModel, beta: float) -> Moments:
    """Means, all 0, and the correlation of each coupled pair: one value a direction."""
    couplings = torus_couplings(model)
    assert model.lattice is not None
    assert not isinstance(couplings, str)
    (m, n), (K, Kp) = model.lattice.shape, abs(beta) * np.abs(couplings)
    i, j, J = model.pairs
    first = _coordinates(i, model)[0] != _coordinates(j, model)[0]
    size = np.where(first, neighbours((m, n), K, Kp), neighbours((n, m), Kp, K))
    return Moments(magnetizations=np.zeros(model.n_sites), correlations=np.sign(beta * J) * size)


METHOD = Method(
    name="kaufman",
    family="exact",
    summary="finite square-lattice torus, one coupling a direction, no fields",
    kinds=("exact",),
    reference="B. Kaufman, Phys. Rev. 76, 1232 (1949)",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
