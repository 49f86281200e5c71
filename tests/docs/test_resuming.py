"""The page about resuming: its program, killed at random moments, ends with the numbers of an undisturbed run."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "resuming.md"


def run(folder, steps=None):
    """Run the page's program in a folder; kill it after some ``steps``, at any moment of the next one."""
    program = re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)[1]
    program = program.replace("STEPS = 20", "STEPS = 60").replace(
        "        train_step(", "        print(step, flush=True); train_step("
    )
    assert "flush" in program
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-W", "ignore", "-c", program]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        for done, _ in enumerate(process.stdout):
            if done == steps:
                time.sleep(random.uniform(0, 0.05))
                os.kill(process.pid, signal.SIGKILL)
        return process.wait() == 0


@pytest.mark.slow
@pytest.mark.parametrize("stops", [(6,), (3, 11, 6, 9, 12)], ids=len)
def test_a_run_that_is_killed_resumes_to_the_numbers_of_an_undisturbed_run(stops, tmp_path):
    assert run(tmp_path / "undisturbed")
    for stop in stops:
        assert not run(tmp_path / "killed", stop)
    assert run(tmp_path / "killed")
    files = [(tmp_path / name / "trained.safetensors").read_bytes() for name in ("undisturbed", "killed")]
    assert files[0] == files[1]
