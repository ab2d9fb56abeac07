"""Batches: order, randomness, workers and errors."""

import numpy as np
import pytest
import torch

from resnoise.datasets import LabelledImages, Normalisation, Split, batches
from resnoise.errors import ConfigError, DataError

ALL = ("crop", "flip", "autoaugment", "cutout")


def make_split(count=21, augmentation=(), positions=None):
    """Colour images whose label is their position."""
    shape = (count, 3, 8, 8)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator())
    classes = tuple(str(label) for label in range(count))
    normalise = Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    images = LabelledImages(pixels, np.arange(count), classes, normalise)
    return Split(images, np.arange(count) if positions is None else positions, augmentation)


def read(split, seed=None, workers=0, passes=1, batch_size=4):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    loader = batches(split, batch_size, generator=generator, workers=workers)
    return [batch for _ in range(passes) for batch in loader]


def same(left, right):
    return len(left) == len(right) and all(
        torch.equal(a, b)
        for one, other in zip(left, right, strict=True)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_without_generator_everything_in_order_and_plain(workers):
    split = make_split(augmentation=ALL)
    result = read(split, workers=workers)
    assert [len(labels) for _, labels in result] == [4, 4, 4, 4, 4, 1]
    assert torch.cat([labels for _, labels in result]).tolist() == list(range(21))
    images = torch.cat([images for images, _ in result])
    assert torch.equal(images, torch.stack([image for image, _ in split]))
    assert images.dtype == torch.float32
    assert result[0][1].dtype == torch.int64


def test_batches_depend_on_the_generator_and_not_on_the_workers():
    split = make_split(augmentation=ALL)
    alone = read(split, seed=5, passes=2)
    assert same(alone, read(split, seed=5, passes=2, workers=2))
    assert not same(alone, read(split, seed=6, passes=2))
    assert not same(alone[:5], alone[5:])  # the second pass differs from the first


@pytest.mark.parametrize("workers", [0, 2])
def test_generator_ends_in_the_same_state_even_if_a_pass_is_cut_short(workers):
    generator = torch.Generator().manual_seed(1)
    next(iter(batches(make_split(augmentation=ALL), 4, generator=generator, workers=workers)))
    reference = torch.Generator().manual_seed(1)
    list(batches(make_split(), 4, generator=reference))
    assert torch.equal(generator.get_state(), reference.get_state())


@pytest.mark.parametrize("workers", [0, 2])
def test_global_generator_is_left_alone(workers):
    before = torch.get_rng_state()
    read(make_split(augmentation=ALL), seed=0, workers=workers)
    read(make_split(), workers=workers)
    assert torch.equal(torch.get_rng_state(), before)


def test_training_shuffles_each_image_once():
    labels = torch.cat([labels for _, labels in read(make_split(20), seed=0)]).tolist()
    assert sorted(labels) == list(range(20))
    assert labels != list(range(20))


def test_images_stay_with_their_labels():
    split = make_split()
    for images, labels in read(split, seed=0):
        for image, label in zip(images, labels, strict=True):
            assert torch.equal(image, split[int(label)][0])


@pytest.mark.parametrize(
    ("count", "batch_size", "training", "evaluation"),
    [(8, 4, 2, 2), (9, 4, 2, 3), (10, 4, 3, 3), (3, 1, 3, 3), (3, 8, 1, 1)],
)
def test_training_drops_only_a_last_batch_of_one(count, batch_size, training, evaluation):
    split = make_split(count)
    for generator, expected in ((torch.Generator(), training), (None, evaluation)):
        loader = batches(split, batch_size, generator=generator)
        assert len(loader) == expected
        assert len(list(loader)) == expected


def test_split_is_read_at_its_positions():
    split = make_split(positions=np.array([7, 3, 11]))
    ((_, labels),) = read(split)
    assert labels.tolist() == [7, 3, 11]


def test_batch_size_is_checked():
    with pytest.raises(ConfigError, match="batch_size"):
        batches(make_split(), 0)


class _Broken:
    def __len__(self):
        return 4

    def __getitem__(self, positions):
        raise DataError("cannot read image cat.png")


@pytest.mark.parametrize("workers", [0, 1])
def test_data_errors_arrive_with_their_own_message(workers):
    images = LabelledImages(_Broken(), np.zeros(4, int), ("cat",), Normalisation((0,), (1,)))
    with pytest.raises(DataError, match=r"^cannot read image cat\.png$"):
        read(Split(images, np.arange(4)), workers=workers)
