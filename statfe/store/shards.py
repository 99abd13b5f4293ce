"""Sealed files: a few facts and named arrays, closed by a checksum of every byte before it.

Layout: `MAGIC`, the length of the header (8 bytes, little endian), the header (JSON), the arrays in the npy format,
and the CRC-32 of all that. Spins +-1 take one bit each. A file is written once, whole, and never changed.
"""

from __future__ import annotations

import io
import json
import math
import zlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from statfe.errors import DamagedError, StoreError
from statfe.store.atomic import atomic_write

#: The first line of every sealed file; the number is the version of checkpoints.
MAGIC = b"statfe-checkpoint-1\n"
LENGTH_BYTES, CRC_BYTES = 8, 4
#: Spins packed at a time; a multiple of 8.
PACKED_AT_ONCE = 1 << 24


def write_sealed(path: str | PathLike[str], facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a sealed file, whole or not at all.

    Raises
    ------
    StoreError
        `path` cannot be written.
    """
    packed = {name: _pack(array) for name, array in arrays.items()}
    forms = [[name, list(arrays[name].shape) if bits is not None else None] for name, bits in packed.items()]
    header = json.dumps({"facts": dict(facts), "arrays": forms}).encode()

    def fill(stream: BinaryIO) -> None:
        sealing = _Sealing(stream)
        sealing.write(MAGIC + len(header).to_bytes(LENGTH_BYTES, "little") + header)
        for name, bits in packed.items():
            np.lib.format.write_array(sealing, arrays[name] if bits is None else bits, allow_pickle=False)
        stream.write(sealing.crc.to_bytes(CRC_BYTES, "little"))

    atomic_write(path, fill)


def read_sealed(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays of a sealed file, as they were given.

    Raises
    ------
    DamagedError
        A byte is not as it was written, or some are missing.
    StoreError
        The file cannot be read, or is whole but of another version.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) < CRC_BYTES or zlib.crc32(memoryview(data)[:-CRC_BYTES]) != int.from_bytes(
            data[-CRC_BYTES:], "little"):
        raise DamagedError(f"{path} is damaged: its checksum does not match")
    if not data.startswith(MAGIC):
        raise StoreError(f"{path} is of another version of checkpoints than {MAGIC.decode().strip()}")
    stream = io.BytesIO(data)
    stream.seek(len(MAGIC))
    header = json.loads(stream.read(int.from_bytes(stream.read(LENGTH_BYTES), "little")))
    arrays = {}
    for name, shape in header["arrays"]:
        array = np.lib.format.read_array(stream, allow_pickle=False)
        arrays[name] = array if shape is None else _unpack(array, shape)
    return header["facts"], arrays


class _Sealing:
    """A stream that keeps the CRC of what it was given."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.crc = stream, 0

    def write(self, data: bytes) -> int:
        self.crc = zlib.crc32(data, self.crc)
        return self.stream.write(data)


def _pack(array: np.ndarray) -> np.ndarray | None:
    """One bit a spin, or None where `array` holds something else than spins."""
    if array.dtype != np.int8 or array.size == 0:
        return None
    flat = np.ascontiguousarray(array).reshape(-1)
    bits = np.empty((flat.size + 7) // 8, dtype=np.uint8)
    for first in range(0, flat.size, PACKED_AT_ONCE):
        spins = flat[first: first + PACKED_AT_ONCE]
        if not np.all(np.abs(spins) == 1):
            return None
        bits[first // 8: (first + len(spins) + 7) // 8] = np.packbits(spins > 0)
    return bits


def _unpack(bits: np.ndarray, shape: list[int]) -> np.ndarray:
    spins = np.unpackbits(bits, count=math.prod(shape)).view(np.int8)
    spins *= 2
    spins -= 1
    return spins.reshape(shape)
