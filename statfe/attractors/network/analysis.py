"""What a network has learned of the motion in a file: its dimension, density, spectrum, free energies and classes.

The held-back stretches are split in two halves, every second one. One is the reference; the other goes through the
networks. So the first row of every table is a baseline: how far apart two halves of the truth are.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike

import numpy as np

from statfe.attractors.invariant import Invariant
from statfe.attractors.network.cloud import MOST_ROWS, Picture, dimension_of, held_back, reference_of
from statfe.attractors.network.coder import Coder, of_autoencoder, of_principal, of_vae, read_network
from statfe.attractors.network.grouping import Grouping, found_in, group, trajectory_labels
from statfe.attractors.network.looks import Detection, Vision, detections, generated, look
from statfe.attractors.network.principal import principal
from statfe.attractors.record import Record
from statfe.datasets.rows import survey
from statfe.datasets.trajectory_rows import TrajectoryParts, open_trajectories
from statfe.errors import UsageError
from statfe.learned.vae.standard import Standard, standard_of


@dataclass(frozen=True, eq=False)
class NetworkAnalysis:
    """All that the report says of the networks.

    Attributes
    ----------
    names
        Of the columns of the data.
    scale
        Of the units of the network: what stands below is in it unless said.
    noise_known
        Standard deviation of the observation noise, in the units of the data; nan where the file does not name it.
    truth
        Correlation dimension of the states behind the observations; None where the file has none.
    pictures
        The reference's other half first, then what the networks make of it.
    vision
        None without a variational autoencoder.
    grouping
        None without attractors to hold the groups against.
    remarks
        What a reader must know.
    """

    names: tuple[str, ...]
    source: str
    rule: str
    rows: int
    scale: float
    step: float
    noise_known: float
    truth: Invariant | None
    pictures: list[Picture]
    vision: Vision | None
    detections: list[Detection]
    grouping: Grouping | None
    seed: int
    remarks: list[str] = field(default_factory=list)

    def picture(self, name: str) -> Picture | None:
        """The picture of this name."""
        return next((p for p in self.pictures if p.name == name), None)


def analyse_networks(
    path: str | PathLike[str], *, vae: str | PathLike[str] | None = None,
    autoencoder: str | PathLike[str] | None = None, against: Sequence[str | PathLike[str]] = (),
    attractors: str | PathLike[str] | None = None, seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> NetworkAnalysis:
    """Hold the networks against the held-back part of the data.

    Parameters
    ----------
    path
        File with /observations or /trajectories.
    vae, autoencoder
        Files of ``statfe train vae``, the second trained with ``--objective autoencoder``.
    against
        Files of points off the attractor, with the same columns: transients, other attractors.
    attractors
        File of ``statfe attractors identify``; that of the data itself where it has such groups.

    Raises
    ------
    UsageError
        For networks that learned other rows, and data that are too short.
    StoreError
        For files that cannot be read.
    """
    tell = progress or (lambda _words, _share: None)
    parts = open_trajectories(path)
    own = standard_of(survey(parts.train))
    trained = {name: read_network(file, parts.train.shape[1], str(path))
               for name, file in (("VAE", vae), ("autoencoder", autoencoder)) if file is not None}
    standard = next((s for _, s in trained.values()), own)
    if any(not _alike(s, standard) for _, s in trained.values()):
        raise UsageError("the two networks learned data of another centre or scale; train both on the same file")
    remarks = [] if _alike(own, standard) else [
        "The networks learned other data: their centre or scale is not that of these."]
    stretches, trajectories = held_back(parts.test)
    stretches = standard.apply(stretches).astype(np.float64)
    reference, here = reference_of(stretches[::2], parts.step, seed), stretches[1::2]
    coders = [of_vae(t.vae, seed) if name == "VAE" else of_autoencoder(t.vae) for name, (t, _) in trained.items()]
    vision = None
    if vae is not None:
        vision = look(trained["VAE"][0], os.fspath(vae), here, parts.step, standard.scale, seed)
    axes = principal(parts.train.seen_by(standard.apply), _components(vision, coders, parts.train.shape[1]))
    coders.append(of_principal(axes))
    tell("dimensions", 0.2)
    pictures = [reference.picture("data", here)]
    pictures += [reference.picture(c.name, c.through(here), latent=c.latent, of=here) for c in coders]
    if vae is not None:
        pictures += generated(trained["VAE"][0].vae, here, reference, seed)
    tell("free energies", 0.8)
    others = {f"points of {os.path.basename(os.fspath(p))}": standard.apply(held_back(_same_columns(p, parts).test)[0])
              for p in against}
    found = detections(coders, here, others, seed)
    tell("groups", 0.9)
    groups = _grouped(parts, attractors or path, stretches, trajectories, coders, seed, remarks)
    return NetworkAnalysis(
        parts.names, parts.source, parts.rule, stretches.shape[0] * stretches.shape[1], standard.scale, parts.step,
        _known_noise(parts, standard.scale), _state_dimension(parts), pictures, vision, found, groups, seed, remarks)


def _alike(left: Standard, right: Standard) -> bool:
    return bool(np.allclose(left.centre, right.centre, rtol=1e-6, atol=1e-6 * right.scale)) and math.isclose(
        left.scale, right.scale, rel_tol=1e-6)


def _components(vision: Vision | None, coders: Sequence[Coder], units: int) -> int:
    """Of the linear baseline: as many as the network has active units."""
    if vision is not None:
        return min(max(1, vision.use.by_variance), units)
    return min(coders[0].latent if coders else 3, units)


def _same_columns(path: str | PathLike[str], parts: TrajectoryParts) -> TrajectoryParts:
    other = open_trajectories(path)
    if other.train.shape[1] != parts.train.shape[1]:
        raise UsageError(f"{path} has {other.train.shape[1]} columns, the data have {parts.train.shape[1]}; observe "
                         "both in the same way")
    return other


def _grouped(
    parts: TrajectoryParts, path: str | PathLike[str], stretches: np.ndarray, trajectories: np.ndarray,
    coders: Sequence[Coder], seed: int, remarks: list[str],
) -> Grouping | None:
    found = found_in(path)
    if found is None:
        return None
    try:
        owners = trajectory_labels(parts, found, trajectories)
    except UsageError as error:
        remarks.append(f"Groups were not held against attractors: {error}.")
        return None
    if (gone := owners < 0).any():
        remarks.append(f"{gone.sum()} held-back stretches are of trajectories that escaped: they are in no group.")
        stretches, owners = stretches[~gone], owners[~gone]
    kinds = [f"{k}: {word}" for k, word in enumerate(found.kinds)]
    groups = group(stretches, owners, kinds, coders, seed)
    if groups is None:
        remarks.append("All held-back trajectories are on one attractor: there are no groups to tell apart.")
    return groups


def _known_noise(parts: TrajectoryParts, scale: float) -> float:
    """What the file says is relative to each column; `scale` is their root mean square size."""
    noise = parts.file.observation_attributes.get("noise")
    return scale * float(noise) if isinstance(noise, (int, float)) and parts.source == "observations" else math.nan


def _state_dimension(parts: TrajectoryParts) -> Invariant | None:
    """Correlation dimension of the states behind the observations; None where there are none."""
    states, system = parts.file.states, parts.file.build()
    if states is None:
        return None
    kept = np.flatnonzero(np.isfinite(states).all(axis=(1, 2)))
    if not len(kept) or not states.shape[1] > 1:
        return None
    long = max(2, MOST_ROWS // len(kept))
    values = np.asarray(states[kept][:, ::max(1, -(-states.shape[1] // long))])
    record = Record(values, parts.step if math.isfinite(parts.step) else 1.0, parts.file.coordinates, system,
                    "the states", "flow" if system is None else system.kind, () if system is None else system.angles)
    return dimension_of(record)[0]
