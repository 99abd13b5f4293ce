"""Whether the laws of a user's file are what they claim to be, at the start and at a few points of the box."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import numpy as np

from statfe.errors import UsageError
from statfe.kernels.user_laws import by_differences
from statfe.systems.system import System

POINTS, STEP = 4, 1e-5
#: Parts of the step that are tried for a Jacobian.
STEPS = (1.0, 1e-3, 1e-6)
#: Largest difference that is taken for rounding, relative to the size of what is compared.
CLOSE = 1e-5


def check_laws(path: str, system: System) -> None:
    """Hold the laws against each other.

    Raises
    ------
    UsageError
        One line that says which, where, and what to change.
    """
    n = system.dimension
    points = _points(system)
    with np.errstate(all="ignore"):
        slope = _called(path, "rhs", system.rhs, system, points[0], (n,))
        _refuse_unfinished(path, "rhs", slope, system)
        for x in points:
            _called(path, "rhs", system.rhs, system, x, (n,))
            _check_jacobian(path, system, x)
            _check_symmetries(path, system, x)
        _check_split(path, system, points)
        _check_conserved(path, system, points)
        _check_stiff(path, system)


def _points(system: System) -> list[np.ndarray]:
    # the golden ratio spreads few points well
    share = (np.arange(1, POINTS)[:, None] * 0.6180339887 + np.arange(system.dimension) * 0.7548776662) % 1.0
    low, high = system.box.T
    return [system.start.copy(), *(low + share * (high - low))]


def where_in(path: str, error: BaseException) -> str:
    """`` line 3:`` of the file in which an error came up, or nothing."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f" line {lines[-1]}:" if lines else ""


def _called(path: str, name: str, law: Callable[..., None], system: System, x: np.ndarray,
            shape: tuple[int, ...]) -> np.ndarray:
    out, before = np.full(shape, np.nan), x.copy()
    try:
        returned = law(0.0, x, system.p, out)  # type: ignore[func-returns-value]
    except Exception as error:
        text = " ".join(str(error).split())
        if isinstance(error, IndexError):
            text += f"; there are {system.dimension} coordinates and {len(system.parameters)} parameters"
        raise UsageError(f"{path}:{where_in(path, error)} {name} fails at {_point(system, before)}: "
                         f"{type(error).__name__}: {text}") from error
    if returned is not None:
        raise UsageError(f"{path}: {name} returns its result; write it into out instead")
    if not np.array_equal(x, before):
        raise UsageError(f"{path}: {name} changes the state it is given; write into out alone")
    return out


def _refuse_unfinished(path: str, name: str, values: np.ndarray, system: System) -> None:
    if np.isfinite(values).all():
        return
    bad = int(np.argmin(np.isfinite(values)))
    raise UsageError(f"{path}: the law of {system.coordinates[bad]} gives {values[bad]} at the start, "
                     f"{_point(system, system.start)}; mend the law there, or give another start")


def _check_jacobian(path: str, system: System, x: np.ndarray) -> None:
    n = system.dimension
    given = _called(path, "jacobian", system.jacobian, system, x, (n, n))
    scale = max(float(np.abs(given).max()), 1.0)
    # the law may bend on any length: steps of one size that agree are enough
    looks = [] if by_differences(system.jacobian) else [_differences(system, x, STEP * part) for part in STEPS]
    looks = [true for true in looks if np.isfinite(true).all()]
    sizes = [max(float(np.abs(true).max()), float(np.abs(system.velocity(x)).max()), 1.0) for true in looks]
    wrong = [~(np.abs(given - true) <= CLOSE * size) for true, size in zip(looks, sizes, strict=True)]
    if looks and all(off.any() for off in wrong):
        i, j = (int(k) for k in np.argwhere(wrong[0])[0])
        raise UsageError(
            f"{path}: jacobian: d({system.coordinates[i]})/d({system.coordinates[j]}) is {given[i, j]:.6g} at "
            f"{_point(system, x)}, but rhs changes by {looks[0][i, j]:.6g}; mend it, or leave jacobian out")
    if system.tangent is not None:
        v, out = np.cos(1.0 + np.arange(n)), np.full(n, np.nan)
        system.tangent(0.0, x, system.p, v, out)
        if not np.allclose(out, given @ v, rtol=0.0, atol=CLOSE * scale * n):
            raise UsageError(f"{path}: tangent is not the Jacobian times v at {_point(system, x)}; its arguments are "
                             "t, x, p, v, out")


def _differences(system: System, x: np.ndarray, step: float) -> np.ndarray:
    """The Jacobian by five points: error of order step^4."""
    steps, true = step * np.maximum(1.0, np.abs(x)), np.empty((len(x), len(x)))
    for j, shift in enumerate(np.diag(steps)):
        near = system.velocity(x + shift) - system.velocity(x - shift)
        far = system.velocity(x + 2 * shift) - system.velocity(x - 2 * shift)
        true[:, j] = (8.0 * near - far) / (12.0 * steps[j])
    return true


def _check_symmetries(path: str, system: System, x: np.ndarray) -> None:
    for symmetry in system.symmetries:
        turned, image = system.velocity(symmetry.matrix @ x), symmetry.matrix @ system.velocity(x)
        off = turned - image
        if system.kind == "map":
            wrap = list(system.angles)
            off[wrap] = (off[wrap] + np.pi) % (2.0 * np.pi) - np.pi
        if not (np.abs(off) <= CLOSE * max(1.0, float(np.abs(image).max()))).all() and np.isfinite(off).all():
            raise UsageError(f"{path}: symmetries: {symmetry.name} does not hold at {_point(system, x)}: f(S x) is "
                             "not S f(x)")


def _check_split(path: str, system: System, points: list[np.ndarray]) -> None:
    if not system.momenta:
        return
    inside = np.zeros(system.dimension, dtype=bool)
    inside[list(system.momenta)] = True
    for x in points:
        jac = system.jacobian_at(x)
        mixed = np.concatenate([jac[np.ix_(side, side)].ravel() for side in (inside, ~inside)])
        if not (np.abs(mixed) <= CLOSE).all():
            raise UsageError(f"{path}: momenta: the Hamiltonian is not a sum K(momenta) + U(positions) at "
                             f"{_point(system, x)}; leave momenta out")


def _check_conserved(path: str, system: System, points: list[np.ndarray]) -> None:
    if system.conserved is None or system.kind == "map":
        return
    for x in points:
        slope = system.velocity(x)
        h = STEP * max(1.0, float(np.linalg.norm(x))) / max(float(np.linalg.norm(slope)), 1e-30)
        above, below = (system.conserved(x + s * h * slope, system.p) for s in (1.0, -1.0))
        size = max(abs(above), abs(below), 1.0)
        if abs(above - below) > 1e-3 * STEP * size:
            raise UsageError(f"{path}: conserved changes along the motion at {_point(system, x)}; "
                             "mend it, or leave it out")


def _check_stiff(path: str, system: System) -> None:
    if system.stiff is None:
        return
    values = np.asarray(system.stiff(system.p))
    if values.shape != (system.dimension,) or not np.isfinite(values).all():
        raise UsageError(f"{path}: stiff(p) must give {system.dimension} finite numbers, the diagonal of "
                         "the linear part")


def _point(system: System, x: np.ndarray) -> str:
    shown = ", ".join(f"{name} = {value:.4g}" for name, value in zip(system.coordinates[:4], x, strict=False))
    return shown + (", ..." if system.dimension > 4 else "")
