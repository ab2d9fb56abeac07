"""Augmentations against by-hand oracles."""

from collections import Counter

import pytest
import torch

from resnoise.datasets.augment import Augmentation, cutout, random_crop, random_flip
from resnoise.datasets.autoaugment import autoaugment


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(7)


def random_bytes(count, channels=3, side=32):
    shape = (count, channels, side, side)
    return torch.randint(1, 256, shape, dtype=torch.uint8, generator=torch.Generator())


def all_crops(image, border):
    """Every shift of `image` [C, H, W] by whole pixels, zeros outside, written with loops."""
    _, height, width = image.shape
    crops = {}
    for down in range(-border, border + 1):
        for right in range(-border, border + 1):
            crop = torch.zeros_like(image)
            for row in range(height):
                for column in range(width):
                    source = (row + down, column + right)
                    if 0 <= source[0] < height and 0 <= source[1] < width:
                        crop[:, row, column] = image[:, source[0], source[1]]
            crops[down, right] = crop
    return crops


def test_crop_shifts_each_image_within_a_border_of_zeros(generator):
    image = random_bytes(1, side=16)[0]
    oracle = all_crops(image, border=2)
    cropped = random_crop(image.expand(1500, -1, -1, -1), generator)
    assert cropped.shape == (1500, 3, 16, 16)
    assert cropped.dtype == torch.uint8
    shifts = Counter(
        next(shift for shift, crop in oracle.items() if torch.equal(crop, result))
        for result in cropped
    )
    assert set(shifts) == set(oracle)  # all 25 places occur ...
    assert max(shifts.values()) < 110  # ... about 60 times each (six standard deviations)


def test_crop_of_cifar_uses_four_pixels(generator):
    empty = random_crop(torch.ones(2000, 1, 32, 32, dtype=torch.uint8), generator) == 0
    assert empty.all(-1).sum(-1).max() == 4
    assert empty.all(-2).sum(-1).max() == 4


def test_flip_mirrors_half_of_the_images(generator):
    images = random_bytes(400)
    flipped = random_flip(images, generator)
    pairs = list(zip(flipped, images, strict=True))
    mirrored = [torch.equal(after, before[:, :, range(31, -1, -1)]) for after, before in pairs]
    kept = [torch.equal(after, before) for after, before in pairs]
    assert mirrored == [not same for same in kept]
    assert 140 < sum(mirrored) < 260  # six standard deviations


@pytest.mark.parametrize(("size", "side"), [(32, 16), (8, 4), (10, 5)])
def test_cutout_blanks_one_square_that_the_border_may_cut(size, side, generator):
    blank = cutout(torch.ones(3000, 2, size, size), generator) == 0
    assert torch.equal(blank[:, 0], blank[:, 1])
    rows, columns = blank[:, 0].any(2), blank[:, 0].any(1)
    assert torch.equal(blank[:, 0], rows[:, :, None] & columns[:, None, :])
    seen = set()
    for place in rows.int():
        ones = place.nonzero().flatten().tolist()
        assert ones == list(range(ones[0], ones[-1] + 1))
        seen.add((ones[0], ones[-1] + 1))
    # DeVries & Taylor: the centre is any pixel, the square is cut where it leaves the image.
    starts = [centre - side // 2 for centre in range(size)]
    assert seen == {(max(start, 0), min(start + side, size)) for start in starts}


def test_order_is_the_recipes_whatever_the_order_of_the_names():
    images = random_bytes(8)
    results = []
    for names in (("crop", "flip", "autoaugment"), ("autoaugment", "flip", "crop")):
        generator = torch.Generator().manual_seed(3)
        results.append(Augmentation(names, channels=3).pixels(images, generator))
    generator = torch.Generator().manual_seed(3)
    by_hand = random_crop(images, generator)
    by_hand = random_flip(by_hand, generator)
    by_hand = autoaugment(by_hand, generator)
    assert torch.equal(results[0], by_hand)
    assert torch.equal(results[1], by_hand)


def test_cutout_comes_after_normalisation(generator):
    augmentation = Augmentation(("cutout",), channels=1)
    pixels = random_bytes(4, channels=1)
    assert torch.equal(augmentation.pixels(pixels, generator), pixels)
    assert (augmentation.normalised(pixels.float(), generator) == 0).any()
