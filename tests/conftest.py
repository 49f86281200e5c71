"""What all tests share: the profiles of Hypothesis (see CONTRIBUTING), and how XLA and Python compile."""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from .seconds import in_share, parts, read

# Derandomized, so that a red run can be repeated; thorough looks elsewhere each time.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=40)
# A quarter of the examples: for packages of other versions, whose differences show in the first examples.
settings.register_profile("few", deadline=None, derandomize=True, max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=2000)
# The shipped Python on CrossHair's symbols, path by path: for properties of integers, not of arrays.
settings.register_profile(
    "nightly", deadline=None, backend="crosshair", max_examples=50, suppress_health_check=list(HealthCheck)
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

MAX_LINES = 24  # of a terminal

QUICKLY = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
"""XLA makes code for a CPU in its older way, and in one piece: networks then compile about five times faster."""

_compiled = pytest.StashKey[str]()
_bytecode = pytest.StashKey[str]()


def _are_flags_of_xla(flags):
    """Whether this version of XLA knows all of these flags. It ends a program that sets another one."""
    reads_them = "import jaxlib.xla_client; jaxlib.xla_client.CompileOptions()"
    environment = os.environ | {"XLA_FLAGS": flags}
    return not subprocess.run([sys.executable, "-c", reads_them], env=environment, capture_output=True).returncode


def pytest_configure(config):
    """Make XLA compile quickly and only once: most of the time is compilation, and most arrays are tiny.

    The workers and the programs that tests start inherit these variables. A value that you set yourself is kept: CI
    runs the tests of the models once as users compile them. See also the marker ``optimised``.

    Where Python may not write its bytecode beside the sources, every worker and every program that a test starts would
    compile JAX anew. They share a folder instead.
    """
    if hasattr(config, "workerinput"):
        return
    if "JAX_DISABLE_MOST_OPTIMIZATIONS" not in os.environ:
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
        if "XLA_FLAGS" not in os.environ and _are_flags_of_xla(QUICKLY):
            os.environ["XLA_FLAGS"] = QUICKLY
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = config.stash[_compiled] = tempfile.mkdtemp(prefix="compiled-")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None) and "PYTHONPYCACHEPREFIX" not in os.environ:
        os.environ["PYTHONPYCACHEPREFIX"] = config.stash[_bytecode] = tempfile.mkdtemp(prefix="bytecode-")


def pytest_unconfigure(config):
    """Remove what was compiled for this run."""
    for folder in (_compiled, _bytecode):
        if folder in config.stash:
            shutil.rmtree(config.stash[folder], ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect the tests without collecting garbage: what the modules define stays until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Give each case its part of the suite (:mod:`.seconds`): mark it ``slow``, and ``exhaustive``, or leave it.

    A test that is named on the command line runs with all cases. ``WELLSHAPED_SHARE=2/3`` leaves out the slow cases of
    the functions of other thirds.
    """
    if any("::" in argument for argument in config.args):
        return
    names = [item.nodeid.partition("[")[0] for item in items]
    one_in = [marker.args[0] if (marker := item.get_closest_marker("one_in")) else 1 for item in items]
    slow = [item.get_closest_marker("slow") is not None for item in items]
    seconds = read()
    share = in_share(names, seconds, os.environ.get("WELLSHAPED_SHARE", "1/1"))
    kept, of_others = [], []
    for item, part, is_mine in zip(items, parts(names, seconds, one_in, slow), share, strict=True):
        is_exhaustive = part == "exhaustive" or item.get_closest_marker("exhaustive")
        if is_exhaustive:
            item.add_marker(pytest.mark.exhaustive)
        if is_exhaustive or part != "quick":
            item.add_marker(pytest.mark.slow)
        (kept if is_mine or not item.get_closest_marker("slow") else of_others).append(item)
    if of_others:
        config.hook.pytest_deselected(items=of_others)
        items[:] = kept


@pytest.fixture(scope="module", autouse=True)
def _memory_of_a_module():
    """Drop what a module compiled. Kept to the end, it would be gigabytes; the next module loads what it shares."""
    yield
    if jax := sys.modules.get("jax"):
        jax.clear_caches()


@pytest.fixture(autouse=True)
def _modules_of_a_test(tmp_path_factory):
    """Forget the modules that a test wrote and imported: another test may write one of the same name."""
    before = len(sys.modules)
    yield
    for name in list(sys.modules)[before:]:
        file = getattr(sys.modules[name], "__file__", None)
        if file and tmp_path_factory.getbasetemp() in Path(file).parents:
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _no_mesh():
    """Forget the mesh of devices that a test chose by ``jax.set_mesh``: the next test has another one."""
    yield
    jax = sys.modules.get("jax")
    if jax and not jax.sharding.get_mesh().empty:
        jax.set_mesh(jax.sharding.Mesh(np.empty((), object), ()))


@pytest.fixture(autouse=True)
def _optimised(request):
    """Let XLA optimise for a test with the marker ``optimised``: it trains, measures memory, or runs for long."""
    if request.node.get_closest_marker("optimised") is None:
        yield
        return
    import jax

    jax.clear_caches()  # they may hold the same functions, compiled quickly
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
    jax.clear_caches()


@pytest.fixture(scope="module", autouse=True)
def _every_message_is_readable(request):
    """Check each message that a test prints: it fits on a screen, and has no word that we avoid.

    Tests compare messages before long lines are wrapped, so that each line can be found whole. A module with the marker
    ``as_printed`` sees them as a user does.
    """
    from prose import words_to_avoid

    from wellshaped.spec.messages import report

    def lines(self):
        found = printed(self)
        shown = [line for whole in found for line in wrapped(whole).split("\n")]
        assert len(found) <= 10, found
        assert len(shown) <= MAX_LINES or max(map(len, " ".join(found).split())) > report.WIDTH // 2, found
        assert all(len(line) <= report.WIDTH or " " not in line.strip() for line in shown), found
        assert not words_to_avoid(" ".join(found)), found
        return found

    printed, wrapped = report.Report.lines, report.wrapped
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(report.Report, "lines", lines)
        if request.node.get_closest_marker("as_printed") is None:
            patched.setattr(report, "wrapped", str)
        yield
