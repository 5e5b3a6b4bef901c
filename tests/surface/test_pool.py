"""Many processes give what one gives, and one that dies takes nobody with it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pool_work import inverse_or_death, inverses_in_two_processes

from membraneseg.surface.fit import SurfaceConfig, fit_membranes
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.pool import in_processes
from membraneseg.types import MembraneGroup

FRAME = VolumeFrame((60, 60, 60), 10.0, np.zeros(3), 60.0)
NO_IDS = np.zeros((0, 2), dtype=np.int64)


def sphere_group(label, radius_px, rng):
    directions = rng.normal(size=(500, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = 30.0 + radius_px * directions + 0.3 * rng.normal(size=directions.shape)
    return MembraneGroup(label, NO_IDS, 10.0 * points, True)


def test_a_killed_process_and_a_failing_item_cost_only_themselves():
    told = []
    outcomes = in_processes(
        inverse_or_death, [1, 2, 0, 4, 5, 8, 10, 16], 8, 2, lambda done, total: told.append(done)
    )
    assert [one.value for one in outcomes] == [1.0, 0.5, None, 0.25, None, 0.125, 0.1, 0.0625]
    assert outcomes[2].reason == "float division by zero"
    assert "killed" in outcomes[4].reason


def output_of(script, folder):
    """What a script prints, and what it says on the way."""
    path = folder / "script.py"
    path.write_text(script)
    ran = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    return ran.stdout, ran.stderr


DIVIDED = """
from membraneseg.surface.pool import in_processes
from pool_work import inverse_or_death, inverses_in_two_processes

def inverses():
    return [one.value for one in in_processes(inverse_or_death, [1, 2, 0, 4] * 2, 8, 2)]

"""


WITHOUT_GUARD = "print(inverses(), inverses())"
KILLED_AT_ONCE = """
import os, signal
if __name__ != '__main__':
    os.kill(os.getpid(), signal.SIGKILL)
print(inverses(), inverses())
"""
REFUSED = """
import multiprocessing

def refuse(process):
    raise BlockingIOError('no more processes')

multiprocessing.context.SpawnProcess.start = refuse
print(inverses(), inverses())
"""


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (WITHOUT_GUARD, "terminated abruptly"),
        (KILLED_AT_ONCE, "terminated abruptly"),
        (REFUSED, "no more processes"),
    ],
)
def test_where_no_process_can_live_this_one_does_the_work_and_says_so_once(call, refusal, tmp_path):
    printed, said = output_of(DIVIDED + call, tmp_path)
    assert printed.strip() == " ".join(["[1.0, 0.5, None, 0.25, 1.0, 0.5, None, 0.25]"] * 2)
    assert said.count("no further process could be started") == 1
    assert refusal in said


def test_a_process_that_may_start_none_does_the_work_itself():
    with multiprocessing.get_context("spawn").Pool(1) as daemons:
        values = daemons.apply(inverses_in_two_processes, ([1, 2, 4, 8] * 2,))
    assert values == [1.0, 0.5, 0.25, 0.125] * 2


def test_two_processes_fit_bit_for_bit_what_one_fits():
    rng = np.random.default_rng(7)
    groups = [sphere_group(k, 9.0 + k, rng) for k in range(1, 8)]
    groups.insert(3, MembraneGroup(9, NO_IDS, groups[0].points_zyx_A[:3], True))
    failures = []

    def failed(label, why):
        failures.append((label, why))

    first, second = (
        fit_membranes(groups, FRAME, SurfaceConfig(), None, failed, jobs) for jobs in (1, 2)
    )
    assert [label for label, _ in failures] == [9, 9]
    assert failures[0] == failures[1]
    assert [m.label for m in second] == list(range(1, 8))
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.surface.vertices_zyx, two.surface.vertices_zyx)
        np.testing.assert_array_equal(one.surface.vertex_sd, two.surface.vertex_sd)


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_processes_end_with_the_killed_one_that_started_them(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from membraneseg.surface.pool import in_processes\n"
        "from pool_work import tell_and_sleep\n"
        f"in_processes(tell_and_sleep, [Path({str(tmp_path)!r})] * 8, 8, 2)\n"
    )
    helpers = Path(__file__).parents[1]
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=helpers)
    deadline = time.monotonic() + 120.0
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(workers) == 2
    assert not any(map(is_running, workers))
