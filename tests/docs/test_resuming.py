"""The page about resuming: its program, killed at random moments, ends with the numbers of an undisturbed run."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "resuming.md"


def run(folder, seconds=None):
    """Run the page's program in a folder; kill it after some ``seconds``. Whether it came to its end."""
    program = re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)[1].replace("STEPS = 20", "STEPS = 60")
    folder.mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program], cwd=folder, stdout=subprocess.DEVNULL
    ) as process:
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            return False


@pytest.mark.slow
def test_a_run_that_is_killed_resumes_to_the_numbers_of_an_undisturbed_run(tmp_path):
    started = time.monotonic()
    assert run(tmp_path / "undisturbed")
    whole = time.monotonic() - started
    rng = np.random.default_rng(0)
    stops = sum(not run(tmp_path / "killed", rng.uniform(0.4, 1) * whole) for _ in range(5))
    assert stops  # at least one was killed before its end
    assert run(tmp_path / "killed")
    files = [(tmp_path / name / "trained.safetensors").read_bytes() for name in ("undisturbed", "killed")]
    assert files[0] == files[1]
