"""A pretrained model of one's own, trained for conversion on images of another size."""

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from resnoise.datasets.resized import Resized
from tests.command_line import resnoise

MODULE = """
from torch import nn

def build():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )
"""
COMMAND = ("fine-tune", "--model", "made_for_this:build", "--dataset", "digits", "--epochs", "1",
           "--timesteps", "1,2")  # fmt: skip


def test_a_model_with_weights_is_trained_tested_and_written(tmp_path):
    (tmp_path / "made_for_this.py").write_text(MODULE)
    scope = {}
    exec(MODULE, scope)
    model = scope["build"]()
    with torch.no_grad():
        model[0].weight.fill_(0.125)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    options = ("--weights", "weights.safetensors", "--to", "norse", "--out", "chip.safetensors")
    # With a learning rate of almost nothing the weights stay those of the file.
    done = resnoise(*COMMAND, *options, "--set", "learning_rate=1e-12", cwd=tmp_path)
    assert "T=2" in done.stdout
    assert done.stdout.rstrip().endswith("run_chip.py")
    again = resnoise(*COMMAND, *options, "--set", "learning_rate=1e-12", cwd=tmp_path)
    assert again.stdout.splitlines()[-1] == done.stdout.splitlines()[-1]
    with safe_open(tmp_path / "chip.safetensors", "pt") as file:
        kernel = file.get_tensor("0.weight")
    flat = kernel.flatten(1)
    assert torch.allclose(flat, flat[:, :1].expand_as(flat))  # a fold scales channels alone


def test_a_target_without_a_file_is_refused_before_the_work(tmp_path):
    done = resnoise(*COMMAND, "--to", "norse", cwd=tmp_path, status=1)
    assert "expected --to and --out together" in done.stderr


def test_a_method_that_no_file_holds_is_refused_before_the_work(tmp_path):
    options = ("--method", "srp", "--to", "norse", "--out", "chip.safetensors")
    done = resnoise(*COMMAND, *options, cwd=tmp_path, status=1)
    assert "cannot export srp: it adapts its neurons to each image" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_recipe_is_shown_without_the_work(tmp_path):
    done = resnoise(*COMMAND, "--show-recipe", cwd=tmp_path)
    assert "epochs" in done.stdout
    assert not list(tmp_path.iterdir())


def test_images_are_resized_as_they_are_read():
    pixels = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    )
    resized = Resized(pixels, 64)
    assert len(resized) == 4
    read = resized[torch.tensor([2, 0])]
    assert read.dtype == torch.uint8
    assert read.shape == (2, 3, 64, 64)
    # The bilinear middle of four pixels at twice the size, by hand: weights 3/4 and 1/4.
    corner = pixels[2, 0, :2, :2].double()
    weights = torch.tensor([0.75, 0.25], dtype=torch.float64)
    expected = (weights @ corner @ weights).item()
    assert abs(read[0, 0, 1, 1].item() - expected) <= 0.51
    constant = Resized(torch.full((1, 1, 32, 32), 77, dtype=torch.uint8), 80)
    assert (constant[torch.tensor([0])] == 77).all()
