"""A million spins and eight replicas fit in a gigabyte, energies and report of the run included."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

CHILD = """
import json, pathlib, re, resource, sys
import statfe
run = statfe.simulate("ising:shape=1000x1000", [0.002], sys.argv[1], sweeps=30, replicas=8, seed=1, workers=2)
if sys.platform == "linux":
    # ru_maxrss starts from the peak of the process that this one was forked from: the tests before.
    peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
first = run.reference[0]
print(json.dumps([peak, first.beta_f, first.beta_f_error, first.status, first.message]))
"""


@pytest.mark.memory
@pytest.mark.skipif(sys.platform == "win32", reason="reads the peak from the resource module")
def test_a_million_spins_fit_in_a_gigabyte(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "run.h5")], capture_output=True, text=True, check=True)
    peak, beta_f, error, status, message = json.loads(done.stdout)
    assert peak < 1e9
    assert status == "converged", message
    # At this beta the torus is 2 ln cosh(beta) a site above free spins, to all digits shown here.
    exact = -1e6 * (math.log(2) + 2 * math.log(math.cosh(0.002)))
    assert abs(beta_f - exact) < 4.5 * error + 1e-6
