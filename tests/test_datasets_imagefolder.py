"""Folders of image files."""

import importlib.util
import itertools
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, PngImagePlugin

from resnoise.datasets import DataOptions, batches, load
from resnoise.datasets.imagefolder import ImageFiles
from resnoise.errors import DataError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed"
)

COLOURS = {"green": (0, 255, 0), "red": (255, 0, 0)}
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture
def folder(tmp_path):
    """20 training and 3 test images a class, wider than high, of one colour between blue bars."""
    for part, count in (("train", 20), ("test", 3)):
        for name, colour in COLOURS.items():
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(count):
                image = Image.new("RGB", (40, 20), (0, 0, 255))
                image.paste(colour, (8, 0, 32, 20))
                number = PngImagePlugin.PngInfo()  # like pixels, but no copies
                number.add_text("number", f"{part} {index}")
                image.save(tmp_path / part / name / f"{index:02}.png", pnginfo=number)
    return tmp_path


def test_what_no_one_meant_is_left_out_and_told_in_one_line(folder):
    """Hidden files and folders, links, loops, and the same file or the same bytes twice."""
    expected = load(f"imagefolder:{folder}")
    green = folder / "train" / "green"
    for hidden in (
        folder / "train" / ".ipynb_checkpoints",
        green / ".hidden",
        folder / "test" / "__MACOSX",
    ):
        hidden.mkdir()
        Image.new("RGB", (8, 8), len(str(hidden))).save(hidden / "x.png")
    (green / "._00.png").write_bytes(b"")
    (green / "loop").symlink_to(green)
    (green / "linked.png").symlink_to(green / "00.png")
    (green / "hard.png").hardlink_to(green / "01.png")
    (green / "tested.png").symlink_to(folder / "test" / "green" / "00.png")
    shutil.copy(green / "02.png", green / "copy.png")
    shutil.copy(folder / "test" / "red" / "01.png", folder / "train" / "red" / "test copy.png")
    with pytest.warns(UserWarning, match="left out") as told:
        data = load(f"imagefolder:{folder}")
    (message,) = [str(one.message) for one in told if "left out" in str(one.message)]
    assert message.endswith(": left out 2 copied, 4 hidden, 4 linked twice")
    assert data.classes == expected.classes
    assert np.bincount(data.train.labels).tolist() == np.bincount(expected.train.labels).tolist()
    assert data.test_ids.tolist() == expected.test_ids.tolist()


def test_a_pipe_among_the_images_is_refused_at_once(folder):
    path = folder / "test" / "green" / "00.png"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match=r"00.png.*not a regular file"):
        load(f"imagefolder:{folder}")


def test_a_class_of_nothing_but_test_images_is_refused(folder):
    shutil.rmtree(folder / "train" / "green")
    shutil.copytree(folder / "test" / "green", folder / "train" / "green")
    with pytest.raises(DataError, match=r"training images of green.*copies"):
        load(f"imagefolder:{folder}")


def test_one_folder_is_one_data_set_however_it_is_written(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    spellings = [
        folder.name,
        f"{folder.name}/",
        f"./{folder.name}",
        f"{folder.name}/train/..",
        str(folder),
    ]
    found = {
        (data.name, data.sha256) for data in (load(f"imagefolder:{path}") for path in spellings)
    }
    assert len(found) == 1


def test_images_are_resized_cropped_and_normalised(folder):
    data = load(DataOptions(f"imagefolder:{folder}", image_size=10))
    assert data.name == f"imagefolder:{folder}"
    assert data.classes == ("green", "red")
    assert data.shape == (3, 10, 10)
    assert data.test_ids.tolist() == list(range(6))
    images, labels = data.test.batch(range(6))
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    for image, label in zip(images, labels, strict=True):
        colour = np.array(COLOURS[data.classes[label]]) / 255
        expected = np.broadcast_to((colour - MEAN) / STD, (10, 10, 3))
        assert np.allclose(image.permute(1, 2, 0).numpy(), expected, atol=1e-6)


def test_splits_are_stratified_and_disjoint(folder):
    data = load(f"imagefolder:{folder}", seed=4)
    assert np.bincount(data.train.labels).tolist() == [18, 18]
    assert np.bincount(data.validation.labels).tolist() == [2, 2]
    together = np.concatenate([data.train.positions, data.validation.positions])
    assert sorted(together) == list(range(40))


def test_grey_and_transparent_files_become_rgb(folder):
    Image.new("L", (16, 16), 255).save(folder / "test" / "green" / "00.png")
    Image.new("RGBA", (16, 16), (255, 255, 255, 7)).save(folder / "test" / "green" / "01.png")
    images, _ = load(DataOptions(f"imagefolder:{folder}", image_size=8)).test.batch([0, 1])
    white = torch.from_numpy((1 - MEAN) / STD).float().view(3, 1, 1).expand(3, 8, 8)
    assert torch.allclose(images, white.expand(2, 3, 8, 8), atol=1e-6)


def test_photographs_are_turned_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    halves = np.repeat(np.array([[0], [255]], dtype=np.uint8), 16, axis=0).repeat(32, axis=1)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the camera stood on its right side
    Image.fromarray(halves).save(path, exif=exif)
    upright = ImageFiles([str(path)], 32)[torch.tensor([0])][0, 0]
    assert upright[:, :12].min() > 200
    assert upright[:, 20:].max() < 50


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
def test_more_than_eight_bits_a_channel_are_refused(tmp_path, dtype):
    path = tmp_path / "deep.tif"
    Image.fromarray(np.full((32, 32), 1, dtype=dtype)).save(path)
    with pytest.raises(DataError, match=r"deep.tif: expected 8 bits a channel, but got mode [IF]"):
        ImageFiles([str(path)], 32).require_readable()


def test_hash_follows_contents_and_names_but_not_the_place(folder, tmp_path_factory):
    first = load(f"imagefolder:{folder}").sha256
    copy = tmp_path_factory.mktemp("copy") / "photos"
    shutil.copytree(folder, copy)
    assert load(f"imagefolder:{copy}", seed=9).sha256 == first
    assert load(DataOptions(f"imagefolder:{copy}", image_size=8)).sha256 != first
    shutil.copy(copy / "test" / "red" / "00.png", copy / "test" / "green" / "00.png")
    assert load(f"imagefolder:{copy}").sha256 != first


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match=r"nowhere/train .* there is none"):
        load(f"imagefolder:{tmp_path}/nowhere")


def test_missing_test_part(folder):
    shutil.rmtree(folder / "test")
    with pytest.raises(DataError, match=f"{folder}/test .* there is none"):
        load(f"imagefolder:{folder}")


def test_empty_part(folder):
    shutil.rmtree(folder / "train")
    (folder / "train").mkdir()
    with pytest.raises(DataError, match=f"{folder}/train"):
        load(f"imagefolder:{folder}")


def test_class_folder_without_images(folder):
    (folder / "train" / "violet").mkdir()
    with pytest.raises(DataError, match=f"{folder}/train .*violet"):
        load(f"imagefolder:{folder}")


def test_classes_must_agree(folder):
    (folder / "test" / "red").rename(folder / "test" / "violet")
    with pytest.raises(DataError, match=r"same class folders .* red, violet"):
        load(f"imagefolder:{folder}")


def broken(path, content):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    intact = path.read_bytes()
    path.write_bytes(
        {"truncated": intact[: len(intact) // 2], "text": b"no image", "empty": b""}[content]
    )
    return path


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("content", ["truncated", "text", "empty"])
def test_broken_image_is_named_when_it_is_read(folder, content, workers):
    path = broken(folder / "train" / "green" / "01.png", content)
    data = load(f"imagefolder:{folder}")
    loaders = [batches(split, 4, workers=workers) for split in (data.train, data.validation)]
    with pytest.raises(DataError, match=f"cannot read image {path}"):
        list(itertools.chain(*loaders))


def test_broken_test_image_is_named_before_anything_is_trained(folder):
    path = broken(folder / "test" / "green" / "01.png", "truncated")
    with pytest.raises(DataError, match=f"cannot read image {path}"):
        load(f"imagefolder:{folder}")
