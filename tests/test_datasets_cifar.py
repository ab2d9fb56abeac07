"""CIFAR: a small fake in the published layout, and the real data if RESNOISE_DATA names it."""

import hashlib
import importlib.util
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from resnoise.datasets import DataOptions, load
from resnoise.datasets.torchvision_compat import import_torchvision
from resnoise.errors import DataError
from resnoise.utils.files import exclusive

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed"
)

LAYOUT = {
    "cifar10": ("CIFAR10", 10, [f"data_batch_{i}" for i in range(1, 6)], "test_batch", "labels"),
    "cifar100": ("CIFAR100", 100, ["train"], "test", "fine_labels"),
}
REFUSING = "http://127.0.0.1:9/cifar.tar.gz"  # nothing listens on the discard port

real_data = pytest.mark.skipif(
    "RESNOISE_DATA" not in os.environ, reason="RESNOISE_DATA does not name a folder with CIFAR"
)


@pytest.fixture(params=LAYOUT)
def fake(request, tmp_path, monkeypatch):
    """(name, root, folder): 20 training images and 1 test image a class, with matching MD5 sums."""
    import_torchvision()
    from torchvision import datasets

    class_name, classes, train, test, key = LAYOUT[request.param]
    source = getattr(datasets, class_name)
    folder = tmp_path / source.base_folder
    folder.mkdir()
    rng = np.random.default_rng(0)

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def images(labels):
        pixels = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        return {"data": pixels, key: labels.tolist()}

    parts = np.array_split(rng.permutation(np.repeat(np.arange(classes), 20)), len(train))
    sums = [write(name, images(part)) for name, part in zip(train, parts, strict=True)]
    monkeypatch.setattr(source, "train_list", sums)
    monkeypatch.setattr(source, "test_list", [write(test, images(np.arange(classes)))])
    names = [f"class {label}" for label in range(classes)]
    _, md5 = write(source.meta["filename"], {source.meta["key"]: names})
    monkeypatch.setattr(source, "meta", {**source.meta, "md5": md5})
    monkeypatch.setattr(source, "url", REFUSING)
    return request.param, tmp_path, folder


def test_splits(fake):
    name, root, _ = fake
    data = load(DataOptions(name, root, download=False), seed=3)
    classes = len(data.classes)
    assert data.shape == (3, 32, 32)
    assert np.bincount(data.train.labels).tolist() == [18] * classes
    assert np.bincount(data.validation.labels).tolist() == [2] * classes
    together = np.concatenate([data.train.positions, data.validation.positions])
    assert sorted(together) == list(range(20 * classes))
    assert data.test_ids.tolist() == list(range(classes))
    other = load(DataOptions(name, root, download=False), seed=4)
    assert not np.array_equal(other.validation.positions, data.validation.positions)
    assert other.sha256 == data.sha256


def test_images_keep_their_pixels_and_orientation(fake):
    name, root, folder = fake
    data = load(DataOptions(name, root, download=False))
    with (folder / LAYOUT[name][3]).open("rb") as file:
        stored = pickle.load(file)["data"][5].reshape(3, 32, 32)  # rows of red, green, blue
    image, label = data.test[5]
    low, high = image.amin((1, 2)), image.amax((1, 2))
    assert label == 5
    for channel in range(3):
        scaled = (image[channel] - low[channel]) / (high[channel] - low[channel])
        pixels = torch.from_numpy(stored[channel]).float()
        expected = (pixels - pixels.min()) / (pixels.max() - pixels.min())
        assert torch.allclose(scaled, expected, atol=1e-5)


def test_only_the_training_split_is_augmented(fake):
    name, root, _ = fake
    augmentation = ("crop", "flip", "autoaugment", "cutout")
    plain = load(DataOptions(name, root, download=False))
    data = load(DataOptions(name, root, download=False), augmentation=augmentation)
    for part, expected in (("train", False), ("validation", True), ("test", True)):
        images, _ = getattr(data, part).batch(range(10), torch.Generator())
        reference, _ = getattr(plain, part).batch(range(10))
        assert torch.equal(images, reference) is expected


def test_missing_data_says_how_to_get_it(tmp_path):
    with pytest.raises(DataError, match=r"expected data_batch_1.*`download`.*cifar-10-python"):
        load(DataOptions("cifar10", tmp_path / "nowhere", download=False))


@pytest.mark.parametrize("which", ["training images", "test images", "class names"])
def test_truncated_file_is_named(fake, which):
    name, root, folder = fake
    _, _, train, test, _ = LAYOUT[name]
    if which == "class names":
        (file,) = folder.glob("*meta")
    else:
        file = folder / (train[-1] if which == "training images" else test)
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(DataError, match=f"{file.name} in {folder} is corrupt: its MD5 sum"):
        load(DataOptions(name, root, download=False))


def test_missing_file_is_named(fake):
    name, root, folder = fake
    (folder / LAYOUT[name][3]).unlink()
    with pytest.raises(DataError, match=f"expected {LAYOUT[name][3]} in {folder}"):
        load(DataOptions(name, root, download=False))


def test_download_that_fails(fake):
    name, root, folder = fake
    (folder / LAYOUT[name][3]).unlink()
    with pytest.raises(DataError, match=f"downloading {REFUSING} .*failed.*check the network"):
        load(DataOptions(name, root, download=True))


def test_download_leaves_intact_data_alone(fake):
    name, root, _ = fake
    assert len(load(DataOptions(name, root, download=True)).test) == len(
        load(DataOptions(name, root)).classes
    )


def test_a_download_is_locked_and_happens_once(fake, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    from torchvision import datasets

    name, root, folder = fake
    away = folder.rename(root / "away")
    downloads = []

    def download(source):
        if folder.exists():  # as torchvision does, which asks for the sums too
            return
        other = os.open(root, os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(other)
        away.rename(folder)
        downloads.append(name)

    monkeypatch.setattr(getattr(datasets, LAYOUT[name][0]), "download", download)
    for _ in range(2):
        assert len(load(DataOptions(name, root, download=True)).test) == LAYOUT[name][1]
    assert downloads == [name]


def test_who_finds_another_downloading_waits_for_the_data(fake):
    pytest.importorskip("fcntl")
    name, root, folder = fake
    away = folder.rename(root / "away")
    with ThreadPoolExecutor(1) as pool:
        with exclusive(root):
            loading = pool.submit(load, DataOptions(name, root))
            with pytest.raises(TimeoutError):
                loading.result(timeout=0.5)
            away.rename(folder)
        assert len(loading.result().test) == LAYOUT[name][1]  # a download would be refused


def test_data_that_are_there_need_no_lock(fake):
    name, root, _ = fake
    with ThreadPoolExecutor(1) as pool, exclusive(root):
        loading = pool.submit(load, DataOptions(name, root))
        assert len(loading.result(timeout=60).test) == LAYOUT[name][1]


def test_a_root_that_cannot_be_made_is_named(tmp_path):
    root = tmp_path / "file" / "data"
    root.parent.touch()
    with pytest.raises(DataError, match=f"downloading .* to {root} failed.*can be written"):
        load(DataOptions("cifar10", root, download=True))


@real_data
@pytest.mark.parametrize("name", LAYOUT)
def test_real_data(name):
    data = load(
        DataOptions(name, os.environ["RESNOISE_DATA"], download=False), augmentation=("crop",)
    )
    classes = LAYOUT[name][1]
    assert [len(data.train), len(data.validation), len(data.test)] == [45_000, 5_000, 10_000]
    assert (np.bincount(data.validation.labels) == 5_000 // classes).all()
    assert (np.bincount(data.test.labels) == 10_000 // classes).all()
    images = data.calibration(5_000, torch.Generator().manual_seed(0))
    assert torch.allclose(images.mean((0, 2, 3)), torch.zeros(3), atol=0.03)
    assert torch.allclose(images.std((0, 2, 3)), torch.ones(3), atol=0.03)
