"""The demo: a learned result on pixels that training never saw, and a picture of it."""

import imageio.v3 as iio
import numpy as np
import pytest
from rich.console import Console
from skimage.data import coins

from wellshaped import demo
from wellshaped.cli import main
from wellshaped.spec import FileError, UsageError


@pytest.mark.slow
@pytest.mark.optimised
def test_the_demo_learns_the_unseen_half_to_an_iou_of_at_least_093(tmp_path, capsys):
    result = demo.run_demo(tmp_path / "demo.png")
    assert result.unseen_iou >= 0.93
    assert result.seconds < 120
    assert result.losses[-1] < result.losses[0] / 5
    printed = capsys.readouterr()
    assert "merged (h_upH): height: skip1 is 303, up is 296" in printed.out
    assert f"{result.unseen_iou:.3f}" in printed.out
    assert "classical" in printed.out
    assert "training: step 40 of 400" in printed.err
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert_its_file_finds_the_coins(tmp_path)


def assert_its_file_finds_the_coins(folder):
    iio.imwrite(folder / "coins.png", coins())
    words = ["--mean", "0.5", "--std", "0.25", "--output", str(folder / "found")]
    assert main(["predict", str(folder / "demo.safetensors"), str(folder / "coins.png"), *words]) == 0
    found = iio.imread(folder / "found" / "coins.png")
    right = np.s_[:, demo.SPLIT :]
    assert demo.iou(found[right] > 0, demo.classical_mask(coins())[right]) > 0.9


@pytest.mark.slow
def test_a_few_steps_of_the_demo_run_and_write_the_picture(tmp_path):
    result = demo.run_demo(tmp_path / "demo.png", steps=2)
    assert len(result.losses) == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["demo.png", "demo.safetensors"]


@pytest.mark.slow
def test_the_right_half_does_not_enter_training():
    photo = coins()
    left = photo[:, : demo.SPLIT]
    mask = demo.classical_mask(left)
    assert not np.shares_memory(mask, photo)
    once, again = (demo.train(left, mask, steps=1, seed=0)[1] for _ in range(2))
    assert once == again  # a function of the left half and the seed alone


def test_a_prediction_has_the_size_of_the_photograph_whatever_it_is():
    model, _ = demo.train(coins()[:, : demo.SPLIT], np.ones((303, demo.SPLIT), bool), steps=1, seed=0)
    assert demo.predict(model, coins()[:101, :53]).shape == (101, 53)


def test_the_mask_covers_the_coins_and_not_the_whole_photograph():
    assert 0.2 < demo.classical_mask(coins()).mean() < 0.5


@pytest.mark.parametrize("output", ["", "no/demo.png"])
def test_an_output_that_cannot_be_written_is_rejected_before_any_work(output, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "train", lambda *_, **__: pytest.fail("trained first"))
    with pytest.raises(FileError, match="can't be written"):
        demo.run_demo(tmp_path / output)


@pytest.mark.parametrize(("seed", "says"), [("-1", "it is negative"), (str(2**32), "less than 2**32")])
def test_the_command_rejects_a_seed_that_jax_cannot_take(seed, says, capsys):
    assert main(["demo", "--seed", seed]) == 2
    assert says in capsys.readouterr().err


def test_the_demo_rejects_no_steps(tmp_path):
    with pytest.raises(UsageError, match="steps must be at least 1"):
        demo.run_demo(tmp_path / "demo.png", steps=0)


def test_in_a_terminal_there_is_a_progress_bar(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(demo, "Console", lambda stderr: Console(stderr=stderr, force_terminal=True, width=100))
    with demo._progress(4) as advance:
        for done in range(1, 5):
            advance([0.5] * done)
    printed = capsys.readouterr().err
    assert "training" in printed
    assert "4/4" in printed
    assert "loss 0.500" in printed


def test_an_output_that_is_no_png_is_rejected_before_any_work(tmp_path):
    with pytest.raises(FileError, match=r"its suffix is '\.jpg', and must be \.png"):
        demo.run_demo(tmp_path / "demo.jpg")
