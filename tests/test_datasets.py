"""Loading by name, the digits, and what every data set shares."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from resnoise.datasets import DataOptions, LabelledImages, Normalisation, Split, load
from resnoise.datasets.splits import hold_out_validation
from resnoise.errors import ConfigError, DataError

PLAIN = Normalisation(mean=(0.0,), std=(1.0,), full_scale=1.0)


@pytest.mark.parametrize("name", ["mnist", "digits:3", "cifar10:x", "imagefolder", "imagefolder:"])
def test_unknown_name_lists_the_known_ones(name):
    with pytest.raises(DataError, match=r"known: cifar10, cifar100, digits, imagefolder:PATH"):
        load(name)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5])
def test_seed_out_of_range(seed):
    with pytest.raises(ConfigError, match="expected `seed`"):
        load("digits", seed=seed)


def test_image_size_and_augmentation_are_checked():
    with pytest.raises(ConfigError, match="image_size"):
        load(DataOptions("digits", image_size=0))
    with pytest.raises(ConfigError, match="unknown augmentation 'mixup'; known: crop"):
        load("digits", augmentation=("mixup",))


def test_autoaugment_needs_colour():
    with pytest.raises(DataError, match="3 channels, but these have 1"):
        load("digits", augmentation=("autoaugment",))


def test_digits_splits_are_disjoint_and_complete():
    data = load("digits", seed=3)
    parts = [data.train.positions, data.validation.positions, data.test.positions]
    assert sorted(np.concatenate(parts)) == list(range(1797))
    assert [len(part) for part in parts] == [1294, 144, 359]
    assert data.test_ids.dtype == np.int64
    assert data.classes == tuple("0123456789")


def test_digits_five_seeds_test_every_image_once():
    folds = [load("digits", seed=seed).test_ids for seed in range(5, 10)]
    assert sorted(np.concatenate(folds)) == list(range(1797))


def test_digits_next_five_seeds_shuffle_again():
    assert set(load("digits", seed=0).test_ids) != set(load("digits", seed=5).test_ids)


def test_digits_splits_are_stratified():
    data = load("digits", seed=2)
    share = np.bincount(load_digits().target) / 1797
    for split in (data.train, data.validation, data.test):
        # Rounding to whole images moves a class by less than two.
        assert np.abs(np.bincount(split.labels) - share * len(split)).max() < 2


def test_digits_same_seed_same_data_other_seed_other_split_same_hash():
    first, again, other = load("digits", seed=1), load("digits", seed=1), load("digits", seed=2)
    assert np.array_equal(first.train.positions, again.train.positions)
    assert not np.array_equal(first.validation.positions, other.validation.positions)
    assert first.sha256 == again.sha256 == other.sha256


def test_digits_pixels_are_standardised_originals():
    data = load("digits")
    image, label = data.test[7]
    original = load_digits()
    position = data.test_ids[7]
    assert image.dtype == torch.float32
    assert image.shape == data.shape == (1, 8, 8)
    assert isinstance(label, int)
    assert label == original.target[position]
    expected = (original.images[position] / 16 - 0.3053) / 0.3760
    assert np.allclose(image[0].numpy(), expected, atol=1e-6)
    everything = torch.cat([split.batch(range(len(split)))[0] for split in _splits(data)])
    assert everything.mean() == pytest.approx(0, abs=1e-3)
    assert everything.std() == pytest.approx(1, abs=1e-3)


def test_calibration_images_are_different_plain_training_images():
    data = load("digits", augmentation=("crop", "flip", "cutout"))
    plain, _ = data.train.batch(range(len(data.train)))
    images = data.calibration(50, torch.Generator().manual_seed(0))
    matches = (images.flatten(1)[:, None] == plain.flatten(1)[None]).all(-1)
    assert images.shape == (50, 1, 8, 8)
    assert matches.any(1).all()
    assert len(set(matches.int().argmax(1).tolist())) == 50
    assert torch.equal(images, data.calibration(50, torch.Generator().manual_seed(0)))
    assert len(data.calibration(10_000, torch.Generator())) == len(data.train)


@pytest.mark.parametrize("label", [-1, 2])
def test_label_out_of_range(label):
    with pytest.raises(DataError, match=f"one of 0 to 1, for 2 classes, but got {label}"):
        _images(labels=[0, 1, label])


def test_as_many_labels_as_images():
    with pytest.raises(DataError, match="got 2 labels for 3 images"):
        _images(labels=[0, 1])


def test_own_data_need_images_to_train_and_validate_with_and_a_hash():
    data = load("digits")
    images = _images(labels=[0, 1, 1])
    nothing, one = Split(images, np.arange(0)), Split(images, np.arange(1))
    for changes, message in (
        ({"train": one}, "split train of digits to have 2 or more images, but got 1"),
        ({"validation": nothing}, "validation of digits to have 1 or more images, but got 0"),
        ({"sha256": "none"}, "64 hexadecimal digits.*got 'none'"),
    ):
        with pytest.raises(DataError, match=message):
            dataclasses.replace(data, **changes)


def test_split_works_with_torchs_own_loader():
    split = Split(_images(labels=[0, 1, 1]), np.array([2, 0]))
    ((images, labels),) = torch.utils.data.DataLoader(split, batch_size=2)
    assert images[:, 0, 0, 0].tolist() == [2, 0]
    assert labels.tolist() == [1, 0]
    assert [label for _, label in split] == [1, 0]  # iteration ends: the index is checked


def test_too_few_images_to_hold_out():
    with pytest.raises(DataError, match="got 5 images of 2 classes, 1 of the rarest"):
        hold_out_validation(np.array([0, 0, 0, 0, 1]), seed=0)


def _images(labels):
    pixels = torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 1, 2, 2)
    return LabelledImages(pixels, np.array(labels), ("a", "b"), PLAIN)


def _splits(data):
    return data.train, data.validation, data.test
