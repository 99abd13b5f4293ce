"""Training of a restricted Boltzmann machine from data to a stored machine, resumable with the same bits.

After every epoch the course can be stopped; after every look of the monitors its state is the last good one. Files are
written whole, at the end and every `SAVE_SECONDS` between epochs; when they are written changes no bit.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from statfe.blas import one_thread
from statfe.datasets.dataset import Dataset
from statfe.datasets.rows import Survey, survey
from statfe.errors import UsageError
from statfe.machines.course import LARGEST, Course
from statfe.machines.monitors import ROWS, Monitors, check_likelihood
from statfe.machines.objectives import check_objective
from statfe.machines.rbm_file import read_training, write_training
from statfe.machines.settings import Settings, check_given
from statfe.machines.training_data import TrainingData, check_facts, training_data
from statfe.machines.training_result import RbmTraining
from statfe.registry import check_integer, check_seed
from statfe.signals import Stop
from statfe.store.atomic import check_output

#: Seconds between two files.
SAVE_SECONDS = 30.0


def train_rbm(
    data: Dataset | np.ndarray | str | PathLike[str],
    output: str | PathLike[str] | None = None,
    *,
    hidden: int | None = None,
    test: np.ndarray | None = None,
    seed: int | None = None,
    stream: bool | None = None,
    likelihood: str = "auto",
    monitor_every: int = 1,
    resume: bool = False,
    force: bool = False,
    workers: int = 1,
    progress: Callable[[str, float], None] | None = None,
    **options: Any,
) -> RbmTraining:
    """Train a restricted Boltzmann machine.

    Parameters
    ----------
    data
        A dataset, its file, or an array of shape (n, n_visible): values in [0, 1], or any for ``visible="gaussian"``.
        The file is one of ``statfe data``.
    output
        File to write; ``file:OUTPUT`` is then the machine as a spin model.
    hidden
        Hidden units; that of the file on a resume.
    test
        Rows for the test monitors, where `data` is an array.
    stream
        Whether the training rows stay in their file and are read block by block (`statfe.datasets.rows`); where they
        take more than a gibibyte when None. The order of the data is another then.
    likelihood
        Method for -ln Z at every look: ``auto`` (exact where the smaller layer has at most 20 units), ``none``, or a
        spec such as ``ais:sweeps=1000``.
    monitor_every
        Epochs between two looks; there is one before the first epoch and one after the last.
    resume
        Go on with the training in `output`, to `epochs` epochs in all.
    workers
        Threads of the training and of the likelihood; they change no bit.
    **options
        Of `statfe.machines.settings.Settings`: algorithm, steps, chains, epochs, batch, optimiser, rate, ...

    Returns
    -------
    RbmTraining
        Status ``diverged`` where the parameters ran away: the machine is then the last good one.

    Raises
    ------
    UsageError
        For data, settings or files that do not fit; nothing is written then.
    """
    check_integer("monitor_every", monitor_every, 1)
    check_likelihood(likelihood)
    source = data.path if isinstance(data, Dataset) else data if isinstance(data, (str, PathLike)) else ""
    if output is not None:
        check_output([output], force or resume, inputs=[source] if source else [])
    before = _stored(output) if resume else None
    found = training_data(data, test, before.settings.stream if before and stream is None else stream)
    if before is not None:
        given = {**_known(options), **({} if hidden is None else {"hidden": hidden})}
        course = _resumed(before, found, {**given, "stream": found.streamed}, seed, workers)
    else:
        if hidden is None:
            raise UsageError("say how many hidden units the machine has")
        settings = Settings(hidden=hidden, stream=found.streamed, **_known(options)).checked(*found.rows.shape)
        check_given(options, settings)
        course = _fresh(found, survey(found.rows), settings, check_seed(seed), workers)
    check_facts(found.test_facts, course.settings.visible)
    looks = Monitors(
        found.rows.read(0, ROWS).astype(np.float64), found.test[:ROWS].astype(np.float64), likelihood, course.seed,
        workers, course.settings.algorithm)
    run = _Run(course, looks, monitor_every, output, found.path, before, progress)
    return run.go()


def _known(options: dict[str, Any]) -> dict[str, Any]:
    names = set(Settings.__dataclass_fields__) - {"hidden", "stream"}
    for name in options:
        if name not in names:
            raise UsageError(f"a training has no option {name!r}; there are {', '.join(sorted(names))}")
    return options


def _stored(output: str | PathLike[str] | None) -> RbmTraining:
    """The training to go on with."""
    if output is None:
        raise UsageError("name the file of the training to go on with")
    return read_training(output)


def _fresh(data: TrainingData, facts: Survey, settings: Settings, seed: int, workers: int) -> Course:
    check_facts(facts, settings.visible)
    check_objective(settings.algorithm, facts.binary)
    with one_thread():  # TAP points begin with a product
        return Course(data.rows, settings, seed, facts, workers)


def _resumed(
    before: RbmTraining, data: TrainingData, given: dict[str, Any], seed: int | None, workers: int
) -> Course:
    """The course as the file left it; given settings must be those of the file, `epochs` apart."""
    path, columns = before.path, data.rows.shape[1]
    if before.machine.n_visible != columns:
        raise UsageError(f"{path} has {before.machine.n_visible} visible units, the data have {columns} columns")
    facts = survey(data.rows)
    if before.data_hash != facts.digest:
        raise UsageError(f"{path} was trained on other data; give those, or train into a new file")
    settings = replace(before.settings, **given).checked(*data.rows.shape)
    changed = before.settings.differences(settings)
    if changed or (seed is not None and seed != before.seed):
        raise UsageError(
            f"{path} was trained with another {', '.join(changed) or 'seed'}; only epochs may change on a resume")
    if before.status == "diverged":
        raise UsageError(f"{path} diverged: {before.message}")
    course = _fresh(data, facts, settings, before.seed, workers)
    put_back(course, before)
    return course


def put_back(course: Course, before: RbmTraining) -> None:
    """Fill the arrays of `course` with those of a training of the same settings."""
    for name, array in course.state().items():
        kept = before.state.get(name)
        if kept is None or kept.shape != array.shape or kept.dtype != array.dtype:
            raise UsageError(f"{before.path} is not as statfe writes it: the array {name} of its state does not fit")
        array[...] = kept
    course.epochs = before.epochs


class _Run:
    """One call of `train_rbm`, epoch by epoch."""

    def __init__(
        self, course: Course, monitors: Monitors, every: int, output: str | PathLike[str] | None, source: str,
        before: RbmTraining | None, progress: Callable[[str, float], None] | None,
    ) -> None:
        self.course, self.monitors, self.every, self.output = course, monitors, every, output
        self.source, self.progress = source, progress
        self.record = list(before.record) if before else []
        self.seconds = before.seconds if before else 0.0
        self.good = self._keep()

    def go(self) -> RbmTraining:
        """All epochs that are left."""
        total, saved = self.course.settings.epochs, time.monotonic()
        kept = f"the epochs done are in {self.output}; go on with --resume" if self.output else "nothing was kept"
        if not self.record:
            self._look()
        with Stop(kept) as stop:
            while self.course.epochs < total:
                with stop.held():
                    begun = time.monotonic()
                    with one_thread():
                        sound = self.course.epoch()
                    self.seconds += time.monotonic() - begun
                    if not sound:
                        return self._diverged()
                    self.good = self._keep()
                    if self.course.epochs % self.every == 0 or self.course.epochs == total:
                        self._look()
                    if stop.asked or (self.output and time.monotonic() - saved > SAVE_SECONDS):
                        self._write(self._result(*self._standing()))
                        saved = time.monotonic()
                if self.progress is not None:
                    self.progress("training", self.course.epochs / total)
        return self._write(self._result(*self._standing()))

    def _standing(self) -> tuple[str, str]:
        left = self.course.settings.epochs - self.course.epochs
        return ("not_converged", f"{left} epochs are left; go on with --resume") if left > 0 else ("converged", "")

    def _look(self) -> None:
        if self.record and self.record[-1]["epoch"] == self.course.epochs:
            return
        with one_thread():
            self.record.append({"epoch": self.course.epochs, **self.monitors.look(self.course.machine())})

    def _keep(self) -> dict[str, np.ndarray]:
        return {name: array.copy() for name, array in self.course.state().items()}

    def _diverged(self) -> RbmTraining:
        s = self.course.settings
        message = (f"the parameters left +-{LARGEST:g} in epoch {self.course.epochs + 1}; lower rate (now {s.rate:g}), "
                   f"or raise decay (now {s.decay:g})" + ("; or take pcd" if s.algorithm == "tap" else ""))
        kept = self.course.state()
        for name, array in self.good.items():
            kept[name][...] = array
        return self._write(self._result("diverged", message))

    def _result(self, status: str, message: str) -> RbmTraining:
        s = self.course.settings
        n_visible, facts = self.course.rows.shape[1], self.course.facts
        spec = f"file:{self.output}" if self.output else f"trained-rbm:visible={n_visible},hidden={s.hidden}"
        return RbmTraining(
            machine=self.course.machine(spec), settings=s, seed=self.course.seed, epochs=self.course.epochs,
            record=self.record, state=self.good, status=status, message=message, data=self.source,
            data_hash=facts.digest, constant_columns=int(facts.constant.sum()), likelihood=self.monitors.likelihood,
            seconds=self.seconds, command=self._command(), path=str(self.output or ""))

    def _command(self) -> str:
        """``statfe train rbm ...``; "" where no command can."""
        if not (self.source and self.output):
            return ""
        words = ["statfe", "train", "rbm", self.source, "-o", str(self.output), "--seed", str(self.course.seed),
                 "--likelihood", self.monitors.likelihood, "--monitor-every", str(self.every)]
        for name, value in self.course.settings.to_dict().items():
            option = "--" + name.replace("_", "-")
            switch = option if value else option.replace("--", "--no-")
            words += [switch] if isinstance(value, bool) else [option, str(value)]
        return shlex.join(words)

    def _write(self, result: RbmTraining) -> RbmTraining:
        if self.output is not None:
            write_training(self.output, result)
        return result
