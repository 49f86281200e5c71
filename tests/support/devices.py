"""Programs on several simulated devices: each runs in a process of its own, where JAX has that many on one CPU."""

import json
import os
import subprocess
import sys


def on_devices(program, given, devices=8):
    """What a program prints on simulated devices, line by line, as JSON."""
    return [json.loads(line) for line in printed_on_devices(program, devices, json.dumps(given)).splitlines()]


def simulated(devices):
    """The environment of a program that has this many devices on one CPU. XLA keeps the flags of the other tests."""
    flags = (os.environ.get("XLA_FLAGS", ""), f"--xla_force_host_platform_device_count={devices}")
    return os.environ | {"XLA_FLAGS": " ".join(filter(None, flags))}


def printed_on_devices(program, devices, *arguments):
    """What a program prints on simulated devices."""
    command = [sys.executable, "-P", "-c", program, *arguments]
    done = subprocess.run(command, env=simulated(devices), capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout
