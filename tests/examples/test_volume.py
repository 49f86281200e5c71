"""The example of a volume that is split along its depth: it learns, and computes what one device computes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from devices import simulated

from wellshaped.examples import volume

FILE = Path(volume.__file__)


def run(devices, *words):
    """Run the example on simulated devices: its exit status, its output and its errors."""
    command = [sys.executable, "-P", str(FILE), *map(str, words)]
    done = subprocess.run(command, env=simulated(devices), capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_losses_on_four_devices_are_those_of_one_device_and_fall():
    losses = {}
    for devices in (1, 4):
        status, out, err = run(devices, "--depth", 16, "--edge", 8, "--steps", 20)
        assert status == 0, err
        assert f"{16 // devices} slices on each of {devices}" in out
        losses[devices] = list(map(float, re.findall(r"loss (\S+)", out)))
    assert len(losses[1]) == 5
    assert losses[1][-1] < losses[1][0] - 0.1
    assert losses[4] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.slow
def test_a_depth_that_can_not_be_split_is_rejected_with_some_that_can():
    status, out, err = run(4, "--depth", 20, "--edge", 8)
    assert (status, out) == (1, "")
    assert "pooled[1] (4×1×1 devices): depth: pooled[1] is 5, and must be a multiple of 4." in err
    assert "fix: depth 16 (crop 4) or 32 (pad 12)" in err
