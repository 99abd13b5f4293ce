"""A smooth random map of the states into many dimensions that can be undone: data whose truth stays known.

With u the standardised state (angles as cosine and sine), of length d, and D >= d features:

    y = O (u, a phi(u)),    phi_j(u) = sqrt(2) cos(w_j . u + b_j),   j = 1 .. D - d,

where O is a random orthogonal matrix of order D, w_j ~ N(0, 1 / length^2) in each component and b_j uniform on the
circle: random Fourier features (Rahimi and Recht, NIPS 20 (2007)). The first d components of O^T y are u itself, so the
map is injective, |y - y'| >= |u - u'|, and it is smooth: a diffeomorphism onto its image, which keeps dimensions and
exponents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from statfe.errors import UsageError
from statfe.random import generator

#: Key of the random stream of the map.
LIFT_KEY = 9501
#: Size a of the curved part, and the length over which it bends, in standard deviations of the state.
STRENGTH, LENGTH = 1.0, 2.0
RULE = ("y = O (u, a phi(u)), phi_j = sqrt(2) cos(w_j . u + b_j), u the standardised state with angles as cosine and "
        "sine, O random orthogonal, w ~ N(0, 1/length^2), b uniform on the circle; u is the first part of O^T y")


@dataclass(frozen=True)
class Chart:
    """From states to coordinates u without a jump and of size one: angles become cosine and sine.

    Attributes
    ----------
    centre, scale
        Mean and standard deviation of the plain coordinates, shape (dimension,); 0 and 1 for angles.
    angles
        Indices of the coordinates that are angles.
    """

    centre: np.ndarray
    scale: np.ndarray
    angles: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Length d of u."""
        return len(self.centre) + len(self.angles)

    def apply(self, states: np.ndarray) -> np.ndarray:
        """u, shape (..., size): plain coordinates, with cosines in the place of angles; then the sines."""
        plain = (states - self.centre) / self.scale
        if not self.angles:
            return plain
        angles = list(self.angles)
        plain[..., angles] = np.cos(states[..., angles])
        return np.concatenate([plain, np.sin(states[..., angles])], axis=-1)

    def undo(self, u: np.ndarray) -> np.ndarray:
        """The states, angles within (-pi, pi]."""
        n = len(self.centre)
        states: np.ndarray = u[..., :n] * self.scale + self.centre
        for k, i in enumerate(self.angles):
            states[..., i] = np.arctan2(u[..., n + k], u[..., i])
        return states

    def names(self, coordinates: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the components of u."""
        plain = [f"cos({c})" if i in self.angles else c for i, c in enumerate(coordinates)]
        return (*plain, *(f"sin({coordinates[i]})" for i in self.angles))


def chart_of(states: np.ndarray, angles: tuple[int, ...] = (), standardise: bool = True) -> Chart:
    """The chart of the finite rows of `states`, shape (..., dimension); a constant coordinate has scale one."""
    flat = states.reshape(-1, states.shape[-1])
    flat = flat[np.isfinite(flat).all(axis=1)]
    centre, scale = np.zeros(flat.shape[1]), np.ones(flat.shape[1])
    if standardise and len(flat):
        centre, spread = flat.mean(axis=0), flat.std(axis=0)
        scale = np.where(spread > 1e-12 * (1.0 + np.abs(centre)), spread, 1.0)
    centre[list(angles)], scale[list(angles)] = 0.0, 1.0
    return Chart(centre, scale, angles)


@dataclass(frozen=True)
class Lifting:
    """The map itself.

    Attributes
    ----------
    chart
        From states to u.
    rotation
        O, shape (D, D).
    waves, phases
        w and b, shapes (D - d, d) and (D - d,).
    """

    chart: Chart
    rotation: np.ndarray
    waves: np.ndarray
    phases: np.ndarray
    seed: int

    @property
    def dimension(self) -> int:
        """Number of features D."""
        return len(self.rotation)

    def apply(self, states: np.ndarray) -> np.ndarray:
        """y of `states`, shape (..., D)."""
        u = self.chart.apply(states)
        curved = STRENGTH * np.sqrt(2.0) * np.cos(u @ self.waves.T + self.phases)
        lifted: np.ndarray = np.concatenate([u, curved], axis=-1) @ self.rotation.T
        return lifted

    def undo(self, features: np.ndarray) -> np.ndarray:
        """The states behind `features`; noise in them is averaged, not removed."""
        return self.chart.undo(features @ self.rotation[:, :self.chart.size])


def lifting_facts(lifting: Lifting) -> dict[str, Any]:
    """Attributes from which `stored_lifting` makes the map again."""
    chart = lifting.chart
    return {
        "lift": lifting.dimension, "lift_rule": RULE, "lift_seed": lifting.seed, "lift_strength": STRENGTH,
        "lift_length": LENGTH, "lift_input": chart.size, "lift_chart": json.dumps({
            "centre": chart.centre.tolist(), "scale": chart.scale.tolist(), "angles": list(chart.angles)})}


def stored_lifting(attributes: Mapping[str, Any]) -> Lifting | None:
    """The map behind observations with these attributes; None where they were not lifted."""
    if "lift" not in attributes:
        return None
    chart = json.loads(attributes["lift_chart"])
    return make_lifting(
        Chart(np.array(chart["centre"]), np.array(chart["scale"]), tuple(chart["angles"])), int(attributes["lift"]),
        int(attributes["lift_seed"]))


def make_lifting(chart: Chart, dimension: int, seed: int) -> Lifting:
    """The map that `seed` draws.

    Raises
    ------
    UsageError
        `dimension` is smaller than that of the chart: the map could not be undone.
    """
    d = chart.size
    if dimension < d:
        raise UsageError(f"a lifting into {dimension} dimensions loses the state, which takes {d}; take {d} or more")
    rng = generator(seed, LIFT_KEY)
    found, upper = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    # signs of the diagonal make the law of O uniform (Mezzadri, Notices AMS 54, 592 (2007))
    rotation = found * np.sign(np.diag(upper))
    waves = rng.standard_normal((dimension - d, d)) / LENGTH
    return Lifting(chart, rotation, waves, rng.uniform(0.0, 2.0 * np.pi, dimension - d), seed)
