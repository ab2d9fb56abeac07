"""Packs: what is in them, what they refuse, and that tar reads them."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from tiny_job import tiny_job

from resnoise.errors import ConfigError, StorageError
from resnoise.records import pack as packs
from resnoise.records.pack import pack, size_in_bytes, unpack
from resnoise.training.trainer import Trainer, train
from tests.command_line import resnoise


@pytest.fixture
def runs(uninterrupted, tmp_path):
    """A training, a log and what is not to travel."""
    folder = tmp_path / "runs"
    (folder / "a").mkdir(parents=True)
    for path in uninterrupted.iterdir():
        (folder / "a" / path.name).write_bytes(path.read_bytes())
    (folder / "train.log").write_text("line\n" * 1000)
    (folder / "records.json").write_text('{"records": []}')
    (folder / "a" / "stray-0123456789ab.safetensors").write_bytes(b"named by no checkpoint")
    (folder / ".hidden").write_text("x")
    (folder / "link").symlink_to("/etc/passwd")
    return folder


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_a_pack_is_unpacked_to_the_same_files(runs, tmp_path):
    packed = pack(runs, tmp_path / "p.tar.gz", 10**7)
    assert packed.left_out == []
    assert packed.size == (tmp_path / "p.tar.gz").stat().st_size
    names = unpack(tmp_path / "p.tar.gz", tmp_path / "new")
    assert names == packed.kept
    assert [name.split("-")[0] for name in names] == [
        "records.json", "a/best.json", "a/best", "a/last.json", "train.log", "a/last",
    ]  # fmt: skip
    assert contents(tmp_path / "new") == {name: (runs / name).read_bytes() for name in names}
    assert unpack(tmp_path / "p.tar.gz", tmp_path / "new") == names  # the same files stay
    (tmp_path / "tar").mkdir()
    subprocess.run(["tar", "xzf", tmp_path / "p.tar.gz", "-C", tmp_path / "tar"], check=True)
    assert contents(tmp_path / "tar") == contents(tmp_path / "new")


def test_what_is_worth_most_comes_first_and_a_checkpoint_is_whole(runs, tmp_path):
    whole = pack(runs, tmp_path / "p.tar.gz", 10**7)
    packed = pack(runs, tmp_path / "p.tar.gz", whole.size - 1)
    assert packed.size < whole.size
    assert [name.split("-")[0] for name in packed.left_out] == ["a/last"]
    assert "train.log" in packed.kept
    with pytest.raises(ConfigError, match="none of 6 files fits"):
        pack(runs, tmp_path / "p.tar.gz", 10)


def test_a_finished_training_is_not_trained_again_where_its_last_weights_did_not_fit(
    runs, tmp_path
):
    whole = pack(runs, tmp_path / "p.tar.gz", 10**7)
    pack(runs, tmp_path / "p.tar.gz", whole.size - 1)
    unpack(tmp_path / "p.tar.gz", tmp_path / "new")
    before = contents(tmp_path / "new")
    assert not list((tmp_path / "new" / "a").glob("last-*"))
    train(tiny_job(), tmp_path / "new" / "a")
    assert contents(tmp_path / "new") == before


def test_what_a_training_resumes_from_is_whole(tmp_path):
    trainer = Trainer(tiny_job(), tmp_path / "runs")
    trainer.run_epoch()
    trainer.save()
    whole = pack(tmp_path / "runs", tmp_path / "p.tar.gz", 10**7)
    packed = pack(tmp_path / "runs", tmp_path / "p.tar.gz", whole.size - 1)
    assert [name.split("-")[0] for name in packed.left_out] == ["last.json", "last"]


def test_commands(runs, tmp_path):
    done = resnoise("pack", runs, "p.tar.gz", "--max-size", "3K", cwd=tmp_path)
    assert "left out for want of space: " in done.stdout
    assert "records.json" in resnoise("unpack", "p.tar.gz", "new", cwd=tmp_path).stdout
    for arguments in (
        ["pack", "nowhere", "p"],
        ["pack", runs, "p", "--max-size", "much"],
        ["unpack", runs / "train.log", "new"],
        ["unpack", "nothing", "new"],
    ):
        done = resnoise(*arguments, cwd=tmp_path, status=1)
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


def test_a_pack_is_not_packed_whatever_its_folder_is_called(runs, monkeypatch):
    monkeypatch.chdir(runs.parent)
    for target in (Path("runs/p.tar.gz"), runs / "p.tar.gz", runs / "a" / ".." / "p.tar.gz"):
        assert "p.tar.gz" not in pack(Path("runs"), target, 10**7).kept


def test_a_pack_of_which_a_byte_has_changed_is_refused(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "long.log").write_text(" ".join(map(str, range(30_000))))
    target = tmp_path / "p.tar.gz"
    pack(tmp_path / "runs", target, 10**7)
    whole = target.read_bytes()
    for place in range(1000, len(whole) - 500, 500):
        changed = bytes([whole[place] ^ 0xFF])
        target.write_bytes(whole[:place] + changed + whole[place + 1 :])
        with pytest.raises(StorageError, match="is no pack, truncated or damaged"):
            unpack(target, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_pack_that_ends_behind_one_of_its_files_is_refused(runs, tmp_path):
    target = tmp_path / "p.tar.gz"
    pack(runs, target, 10**7)
    target.write_bytes(target.read_bytes().removesuffix(packs._END))
    with pytest.raises(StorageError, match="is truncated or damaged; pack again"):
        unpack(target, tmp_path / "new")


def test_sizes():
    assert [size_in_bytes(t) for t in ("12", "2k", "1.5M", "1GB")] == [12, 2048, 3 * 2**19, 2**30]
    for text in ("", "0", "-1M", "M", "1T"):
        with pytest.raises(ConfigError, match="expected a size such as"):
            size_in_bytes(text)


def archive(path, *members, data=b"x"):
    with tarfile.open(path, "w:gz") as file:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(data) if info.isreg() else 0
            file.addfile(info, io.BytesIO(data))
    return path


def of_type(kind, name="evil", target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


HOSTILE = {
    "up": ["../x"],
    "absolute": ["/tmp/x"],
    "inside up": ["a/../../x"],
    "backslash": ["..\\x"],
    "control": ["a\x1b[31m"],
    "twice": ["a", "./a"],
    "symlink": [of_type(tarfile.SYMTYPE, target="/etc/passwd")],
    "hard link": [of_type(tarfile.LNKTYPE, target="../x")],
    "device": [of_type(tarfile.CHRTYPE)],
    "pipe": [of_type(tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_are_refused_before_anything_is_written(kind, tmp_path):
    made = archive(tmp_path / "p.tar.gz", "good", *HOSTILE[kind])
    with pytest.raises(StorageError, match="which is no file of a pack; do not unpack it"):
        unpack(made, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_oversized_and_truncated_packs_and_existing_files_are_refused(runs, tmp_path, monkeypatch):
    target = tmp_path / "p.tar.gz"
    pack(runs, target, 10**7)
    data = target.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(packs, "MOST_BYTES", 100)
        with pytest.raises(StorageError, match="holds more than a pack may"):
            unpack(target, tmp_path / "new")
    target.write_bytes(data[: len(data) // 2])
    with pytest.raises(StorageError, match="truncated"):
        unpack(target, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    target.write_bytes(data)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "train.log").write_text("mine")
    with pytest.raises(StorageError, match=r"train\.log exists with other contents"):
        unpack(target, tmp_path / "new")
    assert (tmp_path / "new" / "train.log").read_text() == "mine"
    (tmp_path / "new" / "train.log").unlink()
    (tmp_path / "new" / "a").symlink_to(tmp_path)
    with pytest.raises(StorageError, match="is a link"):
        unpack(target, tmp_path / "new")
