"""Models in files: `write_model` and `read_model` for an HDF5 group, `read_path` for any file.

The group holds ``row``, ``col`` and ``coupling`` on the dimension ``bond`` and ``field`` on ``site``;
parallel bonds stay one by one. Its attributes keep the constant energy, the spec and the lattice, if any.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from statfe.errors import ModelError, UsageError
from statfe.models.builders import refuse_too_large
from statfe.models.geometry import Lattice
from statfe.models.ising import IsingModel
from statfe.models.text_file import read_text
from statfe.models.uniform_lattice import UniformLattice
from statfe.models.validation import MAX_BONDS, MAX_SITES

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
GROUP = "model"


def write_model(group: h5py.Group, model: IsingModel) -> None:
    """Write `model` into an empty HDF5 group.

    The bonds of a large uniform lattice are not written: the attributes `lattice_...`, `uniform_coupling` and
    `uniform_field` say all.
    """
    group.attrs["spec"] = model.spec
    group.attrs["energy_offset"] = model.offset
    group.attrs["energy"] = "E(s) = - sum_bonds J s_row s_col - sum_sites h s + energy_offset, s = +-1"
    if model.lattice is not None:
        group.attrs["lattice_kind"] = model.lattice.kind
        group.attrs["lattice_shape"] = "x".join(map(str, model.lattice.shape))
        group.attrs["lattice_periodic"] = int(model.lattice.periodic)
    if model.uniform is not None:
        group.attrs["uniform_coupling"], group.attrs["uniform_field"] = model.uniform
        return
    bond = _dimension(group, "bond", model.n_bonds, "bond")
    site = _dimension(group, "site", model.n_sites, "spin")
    variables = {
        "row": (model.rows, bond, "1", "site at the lower end of the bond"),
        "col": (model.cols, bond, "1", "site at the higher end of the bond"),
        "coupling": (model.couplings, bond, "1", "coupling J of the bond"),
        "field": (model.fields, site, "1", "field h of the site"),
    }
    for name, (values, scale, units, long_name) in variables.items():
        dataset = _dataset(group, name, values, units, long_name)
        dataset.dims[0].attach_scale(scale)


def _dimension(group: h5py.Group, name: str, size: int, what: str) -> h5py.Dataset:
    """The coordinate array of a dimension, 0 to size - 1."""
    scale = _dataset(group, name, np.arange(size, dtype=np.int32), "1", f"index of the {what}")
    scale.make_scale(name)
    return scale


def _dataset(group: h5py.Group, name: str, values: np.ndarray, units: str, long_name: str) -> h5py.Dataset:
    packing: dict[str, Any] = {"compression": "gzip", "shuffle": True} if len(values) else {}
    dataset = group.create_dataset(name, data=values, **packing)
    dataset.attrs["units"] = units
    dataset.attrs["long_name"] = long_name
    return dataset


def read_model(group: h5py.Group, owner: str = "", sign: float = 1.0) -> IsingModel:
    """The model of an HDF5 group; couplings and fields are multiplied by `sign`.

    Parameters
    ----------
    owner
        Name of the file, for messages.

    Raises
    ------
    ModelError
        For a missing array, one of the wrong type, rank or length, values that make no model, or attributes
        of a lattice that the bonds are not of.
    """
    owner = owner or f"{group.file.filename}:{group.name}"
    if "uniform_coupling" in group.attrs:
        return _uniform(group, owner, sign)
    n, bonds = _length(group, "field", owner), _length(group, "coupling", owner)
    if n > MAX_SITES or bonds > MAX_BONDS:
        raise ModelError(f"{owner}: {n} spins and {bonds} bonds are too many")
    refuse_too_large(owner, n, bonds)
    rows, cols = _array(group, "row", "iu", bonds, owner), _array(group, "col", "iu", bonds, owner)
    couplings = _array(group, "coupling", "iuf", bonds, owner)
    fields = _array(group, "field", "iuf", n, owner)
    lattice = _lattice(group, owner, rows, cols)
    if lattice is not None:
        # The order of a bond's ends means nothing on a lattice, see `lattice_model`.
        rows, cols = np.minimum(rows, cols), np.maximum(rows, cols)
    try:
        return IsingModel.from_edges(
            n, rows, cols, sign * couplings.astype(np.float64), sign * fields.astype(np.float64),
            offset=_offset(group, owner), spec=_words(group.attrs.get("spec")) or owner, lattice=lattice)
    except ModelError as error:
        raise ModelError(f"{owner}: {error}") from None


def _length(group: h5py.Group, name: str, owner: str) -> int:
    dataset = group.get(name)
    if not hasattr(dataset, "shape") or not hasattr(dataset, "dtype"):
        raise ModelError(f"{owner} has no array {name!r}; a model has row, col, coupling and field")
    if dataset.shape is None or len(dataset.shape) != 1:
        raise ModelError(f"{owner}: {name} must have one dimension, got shape {dataset.shape}")
    return int(dataset.shape[0])


def _array(group: h5py.Group, name: str, kinds: str, length: int, owner: str) -> np.ndarray:
    found = _length(group, name, owner)
    if group[name].dtype.kind not in kinds:
        wanted = "integers" if kinds == "iu" else "real numbers"
        raise ModelError(f"{owner}: {name} must hold {wanted}, got {group[name].dtype}")
    if found != length:
        raise ModelError(f"{owner}: {name} has {found} values, expected {length}")
    return group[name][()]


def _words(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else "" if value is None else str(value)


def _offset(group: h5py.Group, owner: str) -> float:
    try:
        return float(group.attrs.get("energy_offset", 0.0))
    except (TypeError, ValueError):
        raise ModelError(f"{owner}: the attribute energy_offset is not a number") from None


def _lattice(group: h5py.Group, owner: str, rows: np.ndarray, cols: np.ndarray) -> Lattice | None:
    """The lattice that the attributes name, checked against the bonds."""
    lattice = _named_lattice(group, owner)
    if lattice is None:
        return None
    if lattice.n_bonds == len(rows):
        source, target, _ = lattice.bonds()
        low, high = np.minimum(source, target), np.maximum(source, target)
        if np.array_equal(low, np.minimum(rows, cols)) and np.array_equal(high, np.maximum(rows, cols)):
            return lattice
    raise ModelError(f"{owner}: the bonds are not those of {lattice}; remove the attribute lattice_shape")


def _uniform(group: h5py.Group, owner: str, sign: float) -> IsingModel:
    """A lattice whose bonds were not listed."""
    lattice = _named_lattice(group, owner)
    try:
        J, h = float(group.attrs["uniform_coupling"]), float(group.attrs["uniform_field"])
    except (KeyError, TypeError, ValueError):
        raise ModelError(f"{owner}: cannot read the attributes uniform_coupling and uniform_field") from None
    if lattice is None or lattice.kind != "hypercubic" or not np.isfinite([J, h]).all():
        raise ModelError(f"{owner}: the attributes do not make a uniform lattice")
    return UniformLattice(lattice, sign * J, sign * h, _words(group.attrs.get("spec")) or owner)


def _named_lattice(group: h5py.Group, owner: str) -> Lattice | None:
    """The lattice that the attributes name."""
    shape = group.attrs.get("lattice_shape")
    if shape is None:
        return None
    try:
        sizes = shape.split("x") if isinstance(shape, str) else np.atleast_1d(shape)
        return Lattice(
            tuple(int(size) for size in sizes), bool(group.attrs["lattice_periodic"]),
            _words(group.attrs.get("lattice_kind", "hypercubic")))
    except ModelError as error:
        raise ModelError(f"{owner}: {error}") from None
    except (KeyError, TypeError, ValueError):
        raise ModelError(f"{owner}: cannot read the attributes lattice_shape and lattice_periodic") from None


def read_path(path: str | Path, plus: bool = False) -> IsingModel:
    """The model of a text or HDF5 file, told apart by their first bytes.

    Parameters
    ----------
    plus
        Take the file's numbers as E = + sum J s s + sum h s. A constant energy keeps its sign.

    Raises
    ------
    ModelError
        For a file that cannot be read or holds no model.
    """
    path, sign = Path(path), -1.0 if plus else 1.0
    try:
        if path.is_dir():
            raise ModelError(f"{path} is a folder; give a file of couplings")
        if not path.exists():
            raise ModelError(f"no such file: {path}")
        if not path.is_file():
            raise ModelError(f"{path} is not a regular file; save the couplings to one first")
        return _read_hdf5(path, sign) if _is_hdf5(path) else read_text(path, sign)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from None


def _is_hdf5(path: Path) -> bool:
    """Whether the signature stands where the format allows it: at 0, 512, 1024, 2048, ..."""
    size, place = path.stat().st_size, 0
    with path.open("rb") as file:
        while place < size:
            file.seek(place)
            if file.read(len(SIGNATURE)) == SIGNATURE:
                return True
            place = 2 * place or 512
    return False


def _read_hdf5(path: Path, sign: float) -> IsingModel:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            group = file.get(GROUP)
            if not isinstance(group, h5py.Group):
                raise ModelError(f"{path} has no group /{GROUP}; it holds no couplings")
            return read_model(group, str(path), sign)
    except UsageError:
        raise
    except PermissionError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as HDF5; it may be truncated ({error})") from None
