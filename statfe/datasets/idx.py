"""The IDX format of Y. LeCun's MNIST files: a header of sizes, then bytes; also compressed with gzip.

Header: two zero bytes, one that names the type (0x08: unsigned bytes), one with the number of dimensions, then each
size as a big-endian 32-bit integer.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from os import PathLike
from pathlib import Path

import numpy as np

from statfe.datasets.dataset import RULES, Dataset, binarised, check_rule, split_dataset
from statfe.errors import StoreError, UsageError

GZIP, UNSIGNED_BYTES, BRIGHTEST = b"\x1f\x8b", 0x08, 255.0


def read_idx(path: str | PathLike[str]) -> np.ndarray:
    """The array of an IDX file of unsigned bytes.

    Raises
    ------
    StoreError
        For a file that is missing, of another format or type, or cut short.
    """
    try:
        content = Path(path).read_bytes()
        if content.startswith(GZIP):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if len(content) < 4 or content[:2] != b"\0\0":
        raise StoreError(f"{path} is not an IDX file: it does not begin with two zero bytes")
    kind, dims = content[2], content[3]
    if kind != UNSIGNED_BYTES:
        raise StoreError(f"{path} holds IDX type 0x{kind:02x}; only unsigned bytes (0x08) are read")
    start = 4 + 4 * dims
    if not dims or len(content) < start:
        raise StoreError(f"{path} is cut short in its header")
    shape = struct.unpack(f">{dims}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise StoreError(f"{path} has {len(content) - start} values, its header says {math.prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def import_idx(
    path: str | PathLike[str], *, labels: str | PathLike[str] | None = None, test: str | PathLike[str] | None = None,
    test_labels: str | PathLike[str] | None = None, binarise: str = "threshold", threshold: float = 0.5,
    test_fraction: float = 0.2, seed: int = 0,
) -> Dataset:
    """A dataset from IDX files.

    Parameters
    ----------
    path, labels
        Samples (bytes 0 to 255 are grey values 0 to 1), and their classes if there are any.
    test, test_labels
        Files of a test part; a share `test_fraction` of the samples in `path` when None.
    binarise, threshold
        ``threshold``: 1 where the grey value is above `threshold`; ``sample``: 1 with the grey value as probability;
        ``grey``: the grey value itself, as Gaussian units take it.
    seed
        Of the split and the draws.
    """
    check_rule(binarise, threshold)
    if test is None and test_labels is not None:
        raise UsageError("test labels need a test file")
    images, classes = _with_labels(path, labels)
    shape = images.shape[1:] or (1,)
    units = binarised(_grey(images), binarise, threshold, seed)
    name, rule = f"IDX {Path(path).name}", RULES[binarise].format(threshold=threshold)
    if test is None:
        return split_dataset(units, classes, test_fraction, seed, shape=shape, name=name, rule=rule)
    others, other_classes = _with_labels(test, test_labels)
    if others.shape[1:] != images.shape[1:]:
        raise UsageError(f"{test} has samples of shape {others.shape[1:]}, {path} of shape {images.shape[1:]}")
    return Dataset(
        train=units, test=binarised(_grey(others), binarise, threshold, seed, part=1), train_labels=classes,
        test_labels=other_classes, shape=shape, name=name, rule=rule, seed=seed,
        split=f"the test part is the file {Path(test).name}")


def _grey(images: np.ndarray) -> np.ndarray:
    """Grey values in [0, 1], one row a sample."""
    return images.reshape(len(images), -1) / BRIGHTEST


def _with_labels(path: str | PathLike[str], labels: str | PathLike[str] | None) -> tuple[np.ndarray, np.ndarray]:
    images = read_idx(path)
    if not len(images) or not images.size:
        raise StoreError(f"{path} holds no samples")
    if labels is None:
        return images, np.full(len(images), -1, dtype=np.int64)
    classes = read_idx(labels)
    if classes.shape != (len(images),):
        raise StoreError(f"{labels} has shape {classes.shape}, but {path} has {len(images)} samples")
    return images, classes.astype(np.int64)
