"""AutoAugment of a batch against torchvision's operations on Pillow images, one at a time."""

import importlib.util

import pytest
import torch
import torch.nn.functional as F

from resnoise.datasets.autoaugment import CIFAR10_POLICY, OPERATIONS, STEPS, autoaugment
from resnoise.datasets.torchvision_compat import import_torchvision

GREY = [128, 128, 128]


@pytest.fixture(scope="module")
def images():
    """Pictures with smooth areas and noise, one of a single colour, one of few levels."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(256, (30, 3, 8, 8), generator=generator).float()
    pictures = F.interpolate(coarse, size=32, mode="bicubic")
    pictures += 5 * torch.randn(pictures.shape, generator=generator)
    pictures = pictures.clamp(0, 255).byte()
    pictures[0] = 77
    pictures[1] %= 3
    return pictures


@pytest.fixture(scope="module")
def torchvision_policy():
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    import_torchvision()
    from torchvision.transforms import AutoAugment, AutoAugmentPolicy

    return AutoAugment(AutoAugmentPolicy.CIFAR10, fill=GREY)


def with_torchvision(images, name, magnitude):
    from PIL import Image
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.autoaugment import _apply_op
    from torchvision.transforms.functional import pil_to_tensor

    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    nearest = InterpolationMode.NEAREST
    changed = [_apply_op(picture, name, magnitude, nearest, GREY) for picture in pictures]
    return torch.stack([pil_to_tensor(picture) for picture in changed])


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_gives_pillows_pixels(name, images, torchvision_policy):
    magnitudes, signed = torchvision_policy._augmentation_space(STEPS, (32, 32))[name]
    operation = OPERATIONS[name]
    assert operation.signed == signed
    for step in range(STEPS) if magnitudes.ndim else [None]:
        magnitude = operation.magnitude(step, 32)
        assert magnitude == (0.0 if step is None else float(magnitudes[step]))
        for value in {magnitude, -magnitude} if signed else {magnitude}:
            of_images = torch.full((len(images),), value, dtype=torch.float64)
            changed = operation.apply(images.float(), of_images)
            assert torch.equal(changed, with_torchvision(images, name, value).float())


def test_policy_is_that_of_torchvision(torchvision_policy):
    assert list(CIFAR10_POLICY) == torchvision_policy.policies


def test_batch_is_augmented_as_pillow_augments_each_image(images, torchvision_policy):
    """The same draws, applied one image at a time."""
    augmented = autoaugment(images, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    pairs = torch.randint(len(CIFAR10_POLICY), (len(images),), generator=generator)
    draws = torch.rand(len(images), 2, generator=generator)
    signs = torch.rand(len(images), 2, generator=generator)
    for index, result in enumerate(augmented):
        expected = images[index : index + 1]
        for place, (name, probability, step) in enumerate(CIFAR10_POLICY[pairs[index]]):
            if draws[index, place] > probability:
                continue
            magnitude = OPERATIONS[name].magnitude(step, 32)
            negative = OPERATIONS[name].signed and signs[index, place] < 0.5
            expected = with_torchvision(expected, name, -magnitude if negative else magnitude)
        assert torch.equal(result, expected[0])


def test_operations_are_drawn_as_often_as_the_policy_says():
    # On an image of one colour below the mid-point, Invert and Solarize alone brighten it far.
    images = torch.full((20_000, 3, 4, 4), 10, dtype=torch.uint8)
    augmented = autoaugment(images, torch.Generator().manual_seed(1))
    inverted = (augmented[:, 0] == 245).all(-1).all(-1).float().mean().item()
    expected = (0.1 + 0.1) / len(CIFAR10_POLICY)  # with Contrast or Equalize, which leave it so
    assert inverted == pytest.approx(expected, abs=0.004)


def test_autoaugment_depends_on_its_generator_only(images):
    before = torch.get_rng_state()
    original = images.clone()
    first = autoaugment(images, torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(images, original)
    assert first.dtype == torch.uint8
    torch.rand(3)
    assert torch.equal(autoaugment(images, torch.Generator().manual_seed(1)), first)
    assert not torch.equal(autoaugment(images, torch.Generator().manual_seed(2)), first)
