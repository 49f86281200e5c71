"""The page about training: the run that it shows reaches the IoUs that it states."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from wellshaped.examples.photographs import CLASSES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


@pytest.mark.exhaustive
@pytest.mark.optimised
def test_the_run_of_the_page_reaches_the_iou_that_the_page_states(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    training = import_module("benchmarks.training")
    shown = training.train_on_photographs(tmp_path, training.STEPS)
    stated = re.findall(r"^step (\d+) of \1: .*IoU (.*)$", PAGE, re.M)
    ((_, each),) = stated
    found = dict(zip(CLASSES, [*shown.history.measured.values()][-1], strict=True))
    for name, value in (of.split() for of in each.split(", ")):
        assert found.pop(name) > float(value) - 0.1, name  # another machine rounds differently
    assert not found
    assert {f"found.{name}.png" for name in training.PICTURES} < {file.name for file in tmp_path.iterdir()}
