"""Imported by a fork server: its children find the library and the kernels of a small run loaded.

What is killed in a child is then the run, and not the loading of its kernels.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import statfe
from tests.test_resume import BETAS, OPTIONS, SPEC

with tempfile.TemporaryDirectory() as folder:
    statfe.simulate(SPEC, BETAS, Path(folder) / "run.h5", seed=1, **OPTIONS)
