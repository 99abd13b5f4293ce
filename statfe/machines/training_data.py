"""What a training is given: rows in memory or in a file, test rows, and whether they suit the visible units."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np

from statfe.datasets.dataset import Dataset
from statfe.datasets.file_rows import open_rows
from statfe.datasets.rows import MemoryRows, Rows, Survey, survey
from statfe.errors import UsageError
from statfe.machines.monitors import ROWS
from statfe.machines.rbm import check_range, check_rows


@dataclass(frozen=True)
class TrainingData:
    """The rows to learn from.

    Attributes
    ----------
    path
        Their file, or "".
    test
        Rows that are only looked at, shape (n, units); may be empty.
    streamed
        Whether `rows` stay in their file.
    """

    path: str
    rows: Rows
    test: np.ndarray
    streamed: bool

    @property
    def test_facts(self) -> Survey:
        """A survey of the test rows."""
        return survey(MemoryRows(self.test))


def training_data(
    data: Dataset | np.ndarray | str | PathLike[str], test: np.ndarray | None, stream: bool | None
) -> TrainingData:
    """Open or take the rows.

    Raises
    ------
    UsageError
        For arrays that are none of numbers, and for test rows or streams that do not go with the kind of data.
    """
    if isinstance(data, (Dataset, str, PathLike)) and test is not None:
        raise UsageError("the dataset has a test part of its own; leave test out")
    if isinstance(data, (str, PathLike)):
        rows, tested, streamed = open_rows(data, stream, ROWS)
        return TrainingData(str(data), rows, tested, streamed)
    if stream:
        raise UsageError("only rows of a file can stay there: give the path of the file, or leave stream out")
    if isinstance(data, Dataset):
        return TrainingData(data.path, MemoryRows(data.train), data.test, False)
    train = check_rows(data)
    tested = np.empty((0, train.shape[1])) if test is None else check_rows(test)
    if tested.shape[1] != train.shape[1]:
        raise UsageError(f"the test data have {tested.shape[1]} columns, the training data {train.shape[1]}")
    return TrainingData("", MemoryRows(train), tested, False)


def check_facts(facts: Survey, visible: str) -> None:
    """Refuse data that visible units of this kind do not have."""
    if not facts.whole:
        raise UsageError(
            f"the data hold NaN or infinity, first in row {facts.bad_row}; remove such rows, or mend the file")
    if visible == "bernoulli" and len(facts.lowest):
        check_range(float(facts.lowest.min()), float(facts.highest.max()))
