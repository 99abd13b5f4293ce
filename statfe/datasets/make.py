"""Data made on the spot: bars and stripes, configurations of a spin model, scikit-learn's digits."""

from __future__ import annotations

import importlib

import numpy as np

from statfe.datasets.dataset import MAKE_KEY, RULES, Dataset, binarised, check_rule, split_dataset
from statfe.errors import UsageError
from statfe.junction.distribution import ExactDistribution
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.models.states import all_bits
from statfe.random import generator
from statfe.registry import check_integer

#: Side of the largest square of bars and stripes: 2^16 patterns of each kind.
MAX_SIDE = 16
#: How spins became units.
SPIN_RULE = "a unit is (1 + s) / 2 of a spin s"
BRIGHTEST_DIGIT = 16.0


def bars_and_stripes(
    side: int = 4, samples: int | None = None, *, test_fraction: float = 0.0, seed: int = 0
) -> Dataset:
    """All 2^(side + 1) - 2 squares of full rows or of full columns (D. MacKay, 2003, ch. 43), or `samples` draws.

    Labels: 0 for columns, 1 for rows; the empty and the full square, which are both, have 0.
    """
    check_integer("side", side, 1)
    if side > MAX_SIDE:
        raise UsageError(f"side must be at most {MAX_SIDE}, got {side}")
    lines = all_bits(side).astype(np.int8)
    columns = np.tile(lines, (1, side))
    rows = np.repeat(lines[1:-1], side, axis=1)
    units = np.concatenate([columns, rows])
    labels = np.repeat(np.array([0, 1], dtype=np.int64), [len(columns), len(rows)])
    if samples is not None:
        pick = generator(seed, MAKE_KEY).integers(0, len(units), check_integer("samples", samples, 1))
        units, labels = units[pick], labels[pick]
    return split_dataset(
        units, labels, test_fraction, seed, shape=(side, side), rule=RULES["none"],
        name=f"bars and stripes, {side} x {side}, " + ("each once" if samples is None else "drawn evenly"))


def ising_configurations(
    model: str | IsingModel, beta: float, samples: int = 1000, *, test_fraction: float = 0.2, seed: int = 0
) -> Dataset:
    """Exact, independent configurations of a spin model of small treewidth at `beta`; units v = (1 + s) / 2.

    Raises
    ------
    UsageError
        Where the tables of the model's tree decomposition do not fit into memory.
    """
    built = build_model(model)
    check_integer("samples", samples, 1)
    spins = ExactDistribution(built, beta).sample(samples, generator(seed, MAKE_KEY))
    shape = built.lattice.shape if built.lattice is not None else (built.n_sites,)
    return split_dataset(
        ((1 + spins) // 2).astype(np.int8), np.full(samples, -1, dtype=np.int64), test_fraction, seed, shape=shape,
        rule=SPIN_RULE, name=f"{built.spec} at beta = {beta:g}, exact samples")


def digits(
    *, binarise: str = "threshold", threshold: float = 0.5, test_fraction: float = 0.2, seed: int = 0
) -> Dataset:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels; grey values 0 to 16 are divided by 16.

    Raises
    ------
    UsageError
        Where scikit-learn is not installed.
    """
    check_rule(binarise, threshold)
    try:
        source = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise UsageError("the digits come with scikit-learn, which is not installed: pip install 'statfe[peers]'"
                         ) from None
    grey, labels = source.load_digits(return_X_y=True)
    return split_dataset(
        binarised(grey / BRIGHTEST_DIGIT, binarise, threshold, seed), labels.astype(np.int64), test_fraction, seed,
        shape=(8, 8), name="handwritten digits of scikit-learn (E. Alpaydin and C. Kaynak, 1998)",
        rule=RULES[binarise].format(threshold=threshold))
