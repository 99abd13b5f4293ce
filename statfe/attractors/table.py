"""Tables of numbers from CSV, NPY and HDF5 files, read strictly: what is wrong is named by its row and column."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from statfe.errors import StoreError

NPY_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True)
class Table:
    """Numbers of a file.

    Attributes
    ----------
    values
        shape (trajectory, time, column); may be mapped from the file.
    names
        Of the columns; empty where the file names none.
    lines
        Line of each row in a text file; empty for others.
    """

    values: np.ndarray
    names: tuple[str, ...]
    lines: tuple[int, ...] = ()

    def where(self, trajectory: int, row: int, column: int) -> str:
        """A place in the words of the file."""
        name = f" ({self.names[column]})" if self.names else ""
        place = f"line {self.lines[row]}" if self.lines else f"row {row}"
        return (f"trajectory {trajectory}, " if len(self.values) > 1 else "") + f"{place}, column {column}{name}"


def read_table(path: Path, dataset: str | None = None) -> Table:
    """The table of a file: HDF5 and NPY by what is in them, all others as text.

    Parameters
    ----------
    dataset
        Path of the array inside an HDF5 file; not needed where there is one array only.

    Raises
    ------
    StoreError
        The file is missing, of no such format, ragged, or holds something else than real numbers.
    """
    try:
        with open(path, "rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None
    if not start:
        raise StoreError(f"{path} is empty")
    if h5py.is_hdf5(path):
        return Table(*_read_hdf5(path, dataset))
    if dataset is not None:
        raise StoreError(f"{path} is not an HDF5 file; a dataset is for those")
    if start.startswith(NPY_MAGIC):
        return Table(_shaped(path, _read_npy(path)), ())
    return _read_text(path)


def _read_npy(path: Path) -> np.ndarray:
    try:
        found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(f"cannot read {path}: {' '.join(str(error).split())}") from None
    return found


def _read_hdf5(path: Path, dataset: str | None) -> tuple[np.ndarray, tuple[str, ...]]:
    with _clean(path), h5py.File(path, "r") as file:
        there: list[str] = []
        file.visititems(lambda name, item: there.append(name) if isinstance(item, h5py.Dataset) and item.ndim else None)
        if dataset is None and len(there) != 1:
            raise StoreError(f"{path}: name the array with --dataset; there is {', '.join(sorted(there)) or 'none'}")
        name = dataset if dataset is not None else there[0]
        if not isinstance(file.get(name), h5py.Dataset):
            raise StoreError(f"{path} has no array {name}; there is {', '.join(sorted(there)) or 'none'}")
        return _shaped(path, file[name][()]), ()


@contextlib.contextmanager
def _clean(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        raise StoreError(f"cannot read {path}: {' '.join(str(error).split())}") from None


def _shaped(path: Path, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "iuf":
        raise StoreError(f"{path} holds {values.dtype}, not real numbers; store real and imaginary parts as columns"
                         if values.dtype.kind == "c" else f"{path} holds {values.dtype}, not real numbers")
    if values.ndim not in (1, 2, 3):
        raise StoreError(f"{path}: {values.ndim} axes; take (time,), (time, column) or (trajectory, time, column)")
    if values.ndim == 1:
        return values[None, :, None]
    return values[None] if values.ndim == 2 else values


def _read_text(path: Path) -> Table:
    """Columns between commas, semicolons, tabs or blanks; one line of names may come first; # begins a comment."""
    rows: list[list[float]] = []
    names: tuple[str, ...] = ()
    lines: list[int] = []
    separator: str | None = None
    try:
        with open(path, encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                text = line.partition("#")[0].strip()
                if not text:
                    continue
                if not rows and not names:
                    separator = next((s for s in ",;\t" if s in text), None)
                words = [word.strip() for word in text.split(separator)]
                if not rows and not names and not any(_is_number(word) for word in words):
                    names = tuple(word.strip('"\'') for word in words)
                    continue
                lines.append(number)
                rows.append(_numbers(path, number, words, len(names) or (len(rows[0]) if rows else len(words))))
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise StoreError(f"{path} is neither HDF5 nor NPY nor text in UTF-8") from None
    if not rows:
        raise StoreError(f"{path} has no row of numbers")
    return Table(np.array(rows)[None], names, tuple(lines))


def _numbers(path: Path, line: int, words: list[str], width: int) -> list[float]:
    if len(words) != width:
        raise StoreError(f"{path}: line {line} has {len(words)} columns, those before have {width}")
    try:
        return [float(word) for word in words]
    except ValueError:
        k = next(k for k, word in enumerate(words) if not _is_number(word))
        raise StoreError(f"{path}: line {line}, column {k}: {words[k]!r} is not a number") from None


def _is_number(word: str) -> bool:
    # float() also takes 1_000 and infinity; the latter is named as not finite later
    try:
        float(word)
    except ValueError:
        return False
    return not re.search("_", word)
