"""A copy of the sources and tests, to be spoilt one fault at a time, and a process that runs tests there quickly."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

from numba.core.caching import UserProvidedCacheLocator

from statfe._jit import cache_root, source_hash

ROOT = Path(__file__).resolve().parent.parent

#: Waits with the libraries loaded; for each job it forks a child that runs the tests, which saves their import.
#: Own modules leave again, so that a child reads them from the spoilt sources. What numba compiles for most kernels
#: (arrays, ranges, powers) is compiled once, by a function that does nothing of use.
NURSERY = """
import gc, json, math, os, sys
import hypothesis, numba, numpy as np, pytest, scipy.stats, statfe.api, statfe_cli.main
from statfe._jit import JIT_OPTIONS

@numba.njit(**JIT_OPTIONS)
def common(x, k, b):
    y, z, q, w = np.zeros(len(x)), np.empty((2, 3)), np.empty(len(k), dtype=np.int64), np.zeros(4, dtype=np.uint64)
    total = 0.0
    for i in range(len(x)):
        y[i] = math.exp(-abs(x[i])) + math.log(1.0 + x[i] ** 2) + max(x[i], 0.0)
        total += min(y[i], z[0, i])
    for i in range(len(k)):
        q[i] = max(k[i], 2) + min(k[i], 3)
        w[i & 3] ^= np.uint64(k[i]) << np.uint64(3)
        if b[i] > 0:
            total += x[k[i]]
    return total, y, q[1:], w, z[0]

common(np.ones(3), np.zeros(3, dtype=np.int64), np.ones(3, dtype=np.int8))
for name in [n for n in sys.modules if n.partition(".")[0] in ("statfe", "statfe_cli")]:
    del sys.modules[name]
gc.collect()
gc.freeze()
print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        out = os.open(job["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, out)):
            os.dup2(file, number)
        # One collects garbage five times at the end, one asks git for the commit: all are of no use here.
        plugins = ["cacheprovider", "unraisableexception", "benchmark", "xdist"]
        code = pytest.main(["-x", "-q", *(word for name in plugins for word in ("-p", "no:" + name)), *job["tests"]])
        sys.stdout.flush()
        os._exit(int(code))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class CleanCopy:
    """The sources and tests in `place`, and the nursery that runs tests there."""

    def __init__(self, place: Path):
        self.place, self.out = place, place / "output.txt"
        for name in ("statfe", "cli", "tests"):
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
            # Read only where its hash is that of the source: what is spoilt is compiled again, nothing else.
            compileall.compile_dir(place / name, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        shutil.copy(ROOT / "setup.cfg", place)
        self._share_kernels()
        # Compiling costs more than running here: without the passes of LLVM that make code fast it costs less.
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join([str(place), str(place / "cli")]),
            "PYTHONDONTWRITEBYTECODE": "", "STATFE_CACHE_DIR": str(place / "cache"), "NUMBA_OPT": "0",
            "NUMBA_LOOP_VECTORIZE": "0", "NUMBA_SLP_VECTORIZE": "0", "OPENBLAS_NUM_THREADS": "1"}
        for name in [n for n in environment if n.startswith(("PYTEST_", "COV_"))]:
            environment.pop(name)
        self.nursery = subprocess.Popen(
            [sys.executable, "-c", NURSERY], cwd=place, env=environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        assert self.nursery.stdout.readline() == "ready\n"

    def _share_kernels(self) -> None:
        """Take over the kernels that are compiled already; those of a spoilt file lie under another hash.

        numba replaces the files of its cache and never writes into them, so links are as good as copies.
        """
        root = cache_root()
        if root is None:
            return
        own, copy = (UserProvidedCacheLocator.get_suitable_cache_subpath(str(place / "statfe/kernels/x.py"))
                     for place in (ROOT, self.place))
        for file in (ROOT / "statfe/kernels").glob("*.py"):
            name = f"{file.stem}-{source_hash(file.stem)}"
            target = self.place / "cache/statfe/numba" / name / copy
            # Indices first: each names data that is there already.
            for kind in ("*.nbi", "*.nbc"):
                for compiled in (root / name / own).glob(kind):
                    target.mkdir(parents=True, exist_ok=True)
                    try:
                        os.link(compiled, target / compiled.name)
                    except OSError:
                        shutil.copy(compiled, target)

    def run(self, tests: str) -> tuple[int, str]:
        """(exit code of pytest, what it printed)."""
        job = {"out": str(self.out), "tests": [f"tests/{t}" for t in tests.split()]}
        self.nursery.stdin.write(json.dumps(job) + "\n")
        self.nursery.stdin.flush()
        return int(self.nursery.stdout.readline()), self.out.read_text(encoding="utf-8")

    def close(self) -> None:
        """End the nursery."""
        self.nursery.stdin.close()
        self.nursery.wait()
