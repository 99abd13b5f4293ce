"""g(E) in whole numbers from the transfer matrix, for models with a unit and a narrow order of their sites.

With m the weight of satisfied bonds, Z is a polynomial sum_m g_m x^m. It is evaluated at D roots of unity modulo
primes P = 1 mod D below 2^31, transformed back, and put together by the Chinese remainder theorem:

    g_m = D^-1 sum_j w^(-j m) Z(w^j)  (mod P),   w a root of order D.                                         (1)

Cost: some 10 ns times sum over sites of 2^(frontier), for each 16 of the D = total/step + 1 points and each of the
N / 31 + 1 primes. Exact for any N.
Source: the transform J. M. Pollard, Math. Comp. 25, 365 (1971); polynomials of Ising lattices G. Bhanot, J. Stat. Phys.
60, 55 (1990).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from statfe.density.whole import Whole
from statfe.executors import map_tasks
from statfe.kernels.modular_transfer_matrix import POINTS, advance_points
from statfe.methods.exact.transfer_matrix import Schedule, pieces, schedule
from statfe.models.ising import IsingModel
from statfe.models.structure import Elimination, elimination

#: log2 of the largest table, and table entries that a kernel call may touch: some 0.2 s.
MAX_WIDTH, PIECE = 22, 2.0**24
#: Nanoseconds an entry of 16 points.
ENTRY_TIME = 10.0
#: Primes are below this.
TOP = 1 << 31

Tell = Callable[[float], None]


@dataclass(frozen=True)
class Field:
    """Numbers modulo `prime`, and a root of unity of order `order`."""

    prime: int
    order: int
    root: int


def cost(model: IsingModel, units: Whole) -> float:
    """Nanoseconds."""
    groups = -(-(units.total // units.step + 1) // POINTS)
    return ENTRY_TIME * elimination(model).work * groups * (model.n_sites // 31 + 1)


def count_states(model: IsingModel, units: Whole, workers: int, tell: Tell) -> dict[int, int]:
    """{E / unit: number of states}."""
    plan = elimination(model)
    arrays = schedule(model, plan)
    back, fields = (np.rint(values / units.unit).astype(np.int64) for values in (arrays.back_weights, arrays.fields))
    total = int(np.abs(back).sum() + np.abs(fields).sum())
    # m modulo the step is the same for all states, so that of all spins up.
    start = ((total + int(back.sum() + fields.sum())) // 2) % units.step
    degree = (total - start) // units.step + 1
    need = 1 << (model.n_sites - len(plan.pinned))
    primes = list(_fields(units.step * degree, need))
    tasks = [(room, first) for room in primes for first in range(0, degree, POINTS)]
    values = {room: np.zeros(degree, dtype=object) for room in primes}
    group, done = max(1, workers), 0
    for first in range(0, len(tasks), group):
        sweeps = [Sweep(plan, arrays, back, fields, room, at) for room, at in tasks[first:first + group]]
        parts = list(pieces(plan, PIECE))
        for part in parts:
            map_tasks(lambda sweep, p=part: sweep.go(*p), sweeps, workers)  # type: ignore[misc]
            done += len(sweeps)
            tell(len(sweeps) / (len(parts) * len(tasks)))
        for sweep in sweeps:
            some = sweep.values[:max(0, degree - sweep.first)]
            values[sweep.room][sweep.first:sweep.first + len(some)] = some
    found = _chinese([(room.prime, _coefficients(values[room], room, start, units.step)) for room in primes])
    copies = 1 << len(plan.pinned)
    return {total - 2 * (start + units.step * k): copies * g for k, g in enumerate(found) if g}


class Sweep:
    """The table of 16 points on its way through the sites."""

    def __init__(
        self, plan: Elimination, arrays: Schedule, back: np.ndarray, fields: np.ndarray, room: Field, first: int
    ) -> None:
        self.arrays, self.back, self.fields, self.room, self.first = arrays, back, fields, room, first
        n = len(fields)
        site = np.repeat(np.arange(n), np.diff(arrays.back_ptr))
        most = int((np.bincount(site, np.abs(back), minlength=n) + np.abs(fields)).max(initial=0))
        P = room.prime
        self.powers = np.empty((most + 1, POINTS), np.uint32)
        for t in range(POINTS):
            x, power = pow(room.root, first + t, P), (1 << 32) % P
            for m in range(most + 1):
                self.powers[m, t], power = power, power * x % P
        self.table = np.zeros((1 << plan.width, POINTS), np.uint32)
        self.table[0] = (1 << 32) % P
        self.exponents = np.zeros((2, 1 << plan.width), np.int32)
        self.held, self.counters = np.zeros(plan.width + 1, np.int64), np.zeros(1, np.int64)

    def go(self, start: int, stop: int) -> None:
        """Take in the sites start .. stop - 1."""
        a, P = self.arrays, self.room.prime
        advance_points(
            start, stop, np.uint64(P), np.uint64(-pow(P, -1, 1 << 32) % (1 << 32)), self.powers, a.back_ptr, a.back,
            self.back, self.fields, a.gone_ptr, a.gone, self.table, self.exponents, self.held, self.counters)

    @property
    def values(self) -> list[int]:
        """Z at the points, once all sites are in."""
        P = self.room.prime
        return [int(v) * pow(1 << 32, -1, P) % P for v in self.table[0]]


def _coefficients(values: np.ndarray, room: Field, start: int, step: int) -> list[int]:
    """Eq. (1), for the polynomial whose argument is x^step once x^start is taken out."""
    P, size = room.prime, len(values)
    q = np.array([int(v) * pow(room.root, -j * start, P) % P for j, v in enumerate(values)], dtype=np.int64)
    powers = np.array([pow(room.root, -step * j, P) for j in range(size)], dtype=np.int64)
    j, scale = np.arange(size), pow(size, -1, P)
    return [int((q * powers[j * k % size] % P).sum() % P) * scale % P for k in range(size)]


def _chinese(residues: list[tuple[int, list[int]]]) -> list[int]:
    """The numbers from 0 up with these residues, below the product of the primes."""
    modulus, found = 1, [0] * len(residues[0][1])
    for P, values in residues:
        lift = pow(modulus, -1, P)
        found = [x + modulus * ((v - x) * lift % P) for x, v in zip(found, values, strict=True)]
        modulus *= P
    return found


def _fields(order: int, need: int) -> Iterator[Field]:
    """Fields with roots of this order, the largest primes first, until their product exceeds `need`."""
    factors, product = _prime_factors(order), 1
    for k in range((TOP - 2) // order, 0, -1):
        P = k * order + 1
        if not _is_prime(P):
            continue
        roots = (pow(g, (P - 1) // order, P) for g in range(2, P))
        root = next(z for z in roots if all(pow(z, order // r, P) != 1 for r in factors))
        yield Field(P, order, root)
        product *= P
        if product > need:
            return
    raise ArithmeticError(f"too few primes below 2^31 have roots of order {order}")


def _prime_factors(number: int) -> list[int]:
    found, rest = [], number
    for r in range(2, math.isqrt(number) + 1):
        if rest % r == 0:
            found.append(r)
            while rest % r == 0:
                rest //= r
    return found + ([rest] if rest > 1 else [])


def _is_prime(number: int) -> bool:
    """By Miller's test; the bases 2, 3, 5 and 7 decide below 3.2e9 (C. Pomerance et al., 1980)."""
    if number in (2, 3, 5, 7):
        return True
    if number < 2 or any(number % r == 0 for r in (2, 3, 5, 7)):
        return False
    twos = ((number - 1) & -(number - 1)).bit_length() - 1
    return all(_passes(number, (number - 1) >> twos, twos, base) for base in (2, 3, 5, 7))


def _passes(number: int, odd: int, twos: int, base: int) -> bool:
    x = pow(base, odd, number)
    for _ in range(twos):
        if x in (1, number - 1):
            return True
        x = x * x % number
        if x == 1:
            return False
    return False
