"""One hypercubic lattice in words of 64 sites: its cut, signs, thresholds and masks; needs no list of bonds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from statfe.errors import ModelError
from statfe.kernels import multi_site_layout as layout
from statfe.kernels.multi_site import observe, run_lattices
from statfe.kernels.multi_site_draw import PLANES, SLOTS, STATE_SIZE, class_room, threshold_masks
from statfe.kernels.tempering import GIBBS, METROPOLIS
from statfe.models.geometry import Lattice
from statfe.random import streams

#: Lanes of a word, and most bonds of a site, those to the field counted.
LANES, MOST_BONDS = 64, 8
#: Words that the start of a row costs as much as.
ROW_WORDS = 4
ALL = np.uint64(2**64 - 1)


def why_not(shape: Sequence[int], periodic: bool, field: int = 0) -> str:
    """Why a lattice cannot be held in words of sites, or ""."""
    text = "x".join(map(str, shape))
    if len(shape) not in (2, 3):
        return "needs a hypercubic lattice with two or three axes"
    if any(side % 2 or side < (4 if periodic else 2) for side in shape):
        return f"needs even sides, of at least 4 where the boundary is periodic, not {text}"
    if 2 * len(shape) + abs(field) > MOST_BONDS:
        return f"takes fields up to {MOST_BONDS - 2 * len(shape)} J on this lattice, not {field} J"
    if math.prod(best_cut(shape)) == 1:
        return f"needs a side that divides into 2 to {LANES} blocks of even length; {text} has none"
    return ""


def best_cut(shape: Sequence[int]) -> tuple[int, ...]:
    """Number of blocks along each axis: blocks of even sides, at most 64, least work in a sweep."""
    choices = [[k for k in range(1, min(side // 2, LANES) + 1) if side % (2 * k) == 0] for side in shape]
    cuts = [cut for cut in product(*choices) if math.prod(cut) <= LANES]
    return min(cuts, key=lambda cut: (sweep_words(shape, cut), -math.prod(cut), cut[-1]))


def sweep_words(shape: Sequence[int], cut: Sequence[int]) -> int:
    """Words of one colour that a sweep works on, the padding and the cost of starting rows included."""
    *slow, fast = (side // blocks for side, blocks in zip(shape, cut, strict=True))
    return math.prod(slow) * (_padded(fast // 2) + ROW_WORDS)


def _padded(words: int) -> int:
    return -(-words // layout.PAD) * layout.PAD


def acceptance(margins: np.ndarray, beta: float, coupling: float) -> np.ndarray:
    """floor(p 2^64) of Metropolis and heat bath for local fields m J that hold the spin; uint64, shape (2, classes)."""
    table = np.empty((2, len(margins)), dtype=np.uint64)
    for k, m in enumerate(margins):
        x = 2.0 * beta * coupling * m if m > 0 else 0.0  # the product may overflow, and infinity times 0 is NaN
        for rule, p in ((METROPOLIS, math.exp(-x)), (GIBBS, math.exp(-x) / (1.0 + math.exp(-x)))):
            table[rule, k] = min(int(p * 2.0**64), 2**64 - 1)
    return table


class MultiSiteLattice:
    """A hypercubic lattice with couplings +-J and a uniform field, as `statfe.kernels.multi_site` takes it.

    Parameters
    ----------
    shape
        Two or three even sides.
    periodic
        Whether the boundary is periodic (all axes) or open.
    coupling
        J, not zero; negative for an antiferromagnet.
    field
        The field in units of |J|, an integer.
    signs
        For each axis the signs of the bonds from every site to the next along it, int8, multiplied with J. Shape
        `shape`, one less along the axis where the boundary is open. None for a uniform coupling.

    Raises
    ------
    ModelError
        Where the lattice cannot be held (see `why_not`).
    """

    def __init__(self, shape: Sequence[int], *, periodic: bool = True, coupling: float = 1.0, field: int = 0,
                 signs: Sequence[np.ndarray] | None = None) -> None:
        obstacle = why_not(shape, periodic, field)
        if obstacle or coupling == 0.0:
            raise ModelError(f"a multi-site lattice {obstacle or 'needs a coupling that is not zero'}")
        self.shape, self.periodic = tuple(shape), periodic
        self.coupling, self.field = abs(coupling), field * abs(coupling)
        self.cut = best_cut(shape)
        self.n_sites = math.prod(self.shape)
        self.n_bonds = Lattice(self.shape, periodic).n_bonds
        Z = 2 * len(shape) + abs(field)
        self.margins = np.arange(Z + 1) if not periodic else np.arange(Z % 2, Z + 1, 2)
        lengths = (len(shape), signs is not None, not periodic, abs(field), class_room(len(self.margins)))
        self.kind = tuple((0,) * int(length) for length in lengths)
        self.geometry, self.masks = self._geometry(), np.zeros(0, dtype=np.uint64)
        self.masks = self._masks(coupling < 0.0 and signs is None, field > 0)
        self.size = 2 * int(self.geometry[layout.COLOUR_SIZE])
        self.signs = np.zeros(0, dtype=np.uint64) if signs is None else self._signs(signs, coupling < 0.0)

    def _geometry(self) -> np.ndarray:
        """Numbers and distances of rows and lanes."""
        blocks = (1,) * (3 - len(self.cut)) + self.cut
        sides = [side // k for side, k in zip((1,) * (3 - len(self.cut)) + self.shape, blocks, strict=True)]
        halo, width = int(len(self.shape) == 3), sides[2] // 2
        g = np.zeros(layout.GEOMETRY_SIZE, dtype=np.uint64)
        row = _padded(width) + 2 * layout.PAD
        g[:8] = (sides[0], sides[1], width, _padded(width), row, row * (sides[1] + 2),
                 row * (sides[1] + 2) * (sides[0] + 2 * halo), halo)
        for axis in range(3):
            step = math.prod(blocks[axis + 1:])
            g[layout.BLOCKS + axis] = blocks[axis]
            g[layout.STEP + axis] = step if blocks[axis] > 1 else 0
            g[layout.TURN + axis] = step * (blocks[axis] - 1)
        return g

    def _masks(self, anti: bool, field_up: bool) -> np.ndarray:
        """Words that a sweep reads beside the spins."""
        padded, width = int(self.geometry[layout.PADDED]), int(self.geometry[layout.WIDTH])
        masks = np.zeros(layout.VALID + 3 * padded, dtype=np.uint64)
        masks[layout.ANTI], masks[layout.FIELD_UP] = (ALL if flag else np.uint64(0) for flag in (anti, field_up))
        blocks = tuple(int(k) for k in self.geometry[layout.BLOCKS:])
        place = np.unravel_index(np.arange(math.prod(blocks)), blocks)
        for axis in range(3):
            masks[layout.FIRST + axis] = _lanes(place[axis] == 0)
            masks[layout.LAST + axis] = _lanes(place[axis] == blocks[axis] - 1)
        masks[layout.VALID:layout.VALID + width] = _lanes(place[0] >= 0)
        if not self.periodic:
            masks[layout.VALID + padded] = masks[layout.FIRST + 2]
            masks[layout.VALID + 2 * padded + width - 1] = masks[layout.LAST + 2]
        return masks

    def _signs(self, signs: Sequence[np.ndarray], negative: bool) -> np.ndarray:
        """Words with a one where a bond is negative: for each direction, those of the sites of colour 0."""
        size = self.size // 2
        words = np.zeros(2 * len(self.shape) * size, dtype=np.uint64)
        first = {0: 4, 1: 0, 2: 2}
        for number, given in enumerate(signs):
            grid = np.zeros(self.shape, dtype=bool)
            grid[tuple(slice(length) for length in given.shape)] = (given < 0) ^ negative
            direction = first[number + 3 - len(self.shape)]
            for k, bonds in ((direction + 1, grid), (direction, np.roll(grid, 1, axis=number))):
                own = words[k * size:(k + 1) * size]
                layout.pack(bonds.ravel().view(np.int8), own, np.uint64(0), self.geometry, self.masks)
        return words

    @property
    def bytes(self) -> float:
        """Memory of one chain."""
        return 8.0 * (self.size + STATE_SIZE)

    def chain_states(self, seed: int, chains: int, key: int | tuple[int, ...]) -> np.ndarray:
        """Random states of so many chains, uint64, shape (chains, STATE_SIZE)."""
        states = streams(seed, chains * (SLOTS + 1), key).reshape(chains, SLOTS + 1, 4)
        return np.concatenate(
            [states[:, :SLOTS].transpose(0, 2, 1).reshape(chains, -1), states[:, SLOTS]], axis=1)

    def pack(self, spins: np.ndarray, words: np.ndarray) -> None:
        """Write spins (int8, shape (n_sites,)) into the words of a chain."""
        for colour in (np.uint64(0), np.uint64(1)):
            layout.pack(spins, words, colour, self.geometry, self.masks)

    def unpack(self, words: np.ndarray) -> np.ndarray:
        """Spins of a chain, int8, shape (n_sites,)."""
        spins = np.empty(self.n_sites, dtype=np.int8)
        for colour in (np.uint64(0), np.uint64(1)):
            layout.unpack(words, spins, colour, self.geometry)
        return spins

    def randomize(self, words: np.ndarray, rng: np.random.Generator) -> None:
        """Random spins, without a byte for each of them."""
        words[:] = rng.integers(0, 2**64, size=len(words), dtype=np.uint64) & self.masks[layout.VALID]
        for colour in (np.uint64(0), np.uint64(1)):
            layout.fill_halo(words, colour, self.geometry, self.masks)

    def observe(self, words: np.ndarray) -> tuple[float, int]:
        """(energy, magnetisation) of a chain."""
        broken, up = observe(self.kind, words, self.signs, self.geometry, self.masks)
        m = 2 * up - self.n_sites
        return -self.coupling * (self.n_bonds - 2 * broken) - self.field * m, m

    def tables(self, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Thresholds and their masks at every beta and rule, uint64, shapes (K, 2, 16) and (K, 2, room * rounds)."""
        thresholds = np.zeros((len(betas), 2, 16), dtype=np.uint64)
        for k, beta in enumerate(betas):
            thresholds[k, :, :len(self.margins)] = acceptance(self.margins, float(beta), self.coupling)
        return thresholds, threshold_masks(thresholds[:, :, :len(self.kind[4])])

    def run(self, words: np.ndarray, states: np.ndarray, tables: tuple[np.ndarray, np.ndarray], betas: np.ndarray,
            rules: np.ndarray, first_sweep: int, sweeps: int, thin: int, swap: bool,
            ladder: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Advance chains (a ladder that exchanges where `swap`, else one) and return its draws by rung.

        Parameters
        ----------
        words, states
            One row a chain; changed in place.
        tables
            Of `betas`; see `tables`.
        ladder
            (rung_of, chain_at, swap_state, exchanges); see `statfe.kernels.tempering.run_ladder`.

        Returns
        -------
        energy, magnetization
            float64 and int64, shape (sweeps // thin, K).
        """
        shape = (sweeps // thin, len(betas))
        energy, magnetization = np.empty(shape), np.empty(shape, dtype=np.int64)
        run_lattices(
            self.kind, (self.signs, self.geometry, self.masks), self.n_sites, self.n_bonds, self.coupling, self.field,
            rules, tables, first_sweep, sweeps, thin, swap, betas, words, states,
            np.zeros(PLANES * SLOTS, dtype=np.uint64), *ladder[:3], energy, magnetization, *ladder[3:])
        return energy, magnetization


def _lanes(chosen: np.ndarray) -> np.uint64:
    """The word with ones in the chosen lanes."""
    return np.uint64(sum(1 << int(lane) for lane in np.flatnonzero(chosen)))
