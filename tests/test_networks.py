"""Networks by name: the manifest says what is committed, and every way to the files is checked."""

import functools
import http.server
import shutil
import threading
from pathlib import Path

import pytest
import torch

import resnoise
from docs.networks import CHECKPOINTS, MANIFEST, collect, encoded, manifest
from resnoise import networks
from resnoise.errors import CheckpointError, ConfigError
from resnoise.networks import places
from resnoise.networks.manifest import read_manifest
from resnoise.records.store import RecordStore
from resnoise.training.loading import restore
from tests.command_line import resnoise as command

NAME = "cifar10-resnet20-qcfs-plus-L2"
ROOT = Path(__file__).parent.parent


def test_the_manifest_is_that_of_the_committed_checkpoints():
    """If not, `make docs-tables` writes it anew."""
    assert MANIFEST.read_text("utf-8") == encoded(manifest())


def test_accuracies_are_those_of_the_table():
    rows = RecordStore(ROOT / "results" / "tables" / "cifar10-plus").frame()
    rows = rows[(rows.method == "qcfs-plus") & (rows.levels == 2) & (rows.seed == 0)]
    expected = dict(zip(rows.timesteps, rows.accuracy, strict=True))
    assert networks.networks()[NAME].accuracy == expected


def test_a_name_loads_the_network_of_its_checkpoint():
    by_name = resnoise.load(NAME)
    _, by_path = restore(CHECKPOINTS / "cifar10" / "qcfs-plus-L2" / "best.json")
    assert not by_name.training
    for one, other in zip(by_name.parameters(), by_path.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_file_of_a_checkpoint_is_loaded_as_a_name_is(tmp_path):
    path = CHECKPOINTS / "cifar10" / "qcfs-plus-L2" / "best.json"
    assert networks.locate(path) == path
    assert isinstance(resnoise.load(str(path)), torch.nn.Module)
    with pytest.raises(CheckpointError, match=r"cannot read .*none\.json \(No such file"):
        resnoise.load(tmp_path / "none.json")
    with pytest.raises(CheckpointError, match="Is a directory"):
        resnoise.load(tmp_path)


def test_an_unknown_name_says_what_is_near():
    with pytest.raises(ConfigError, match=f"got 'cifar10-qcfs-plus-L2'; nearest: .*{NAME}"):
        resnoise.load("cifar10-qcfs-plus-L2")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server of the files of one network, on a machine that has no checkout."""
    folder = tmp_path / "server"
    known = read_manifest()
    collect(known.model_copy(update={"networks": {NAME: known.networks[NAME]}}), folder)
    handler = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known = known.model_copy(update={"url": f"http://127.0.0.1:{server.server_port}"})
    monkeypatch.setattr(networks, "read_manifest", lambda: known)
    monkeypatch.setattr(places, "_roots", lambda: iter(()))
    monkeypatch.setenv(places.CACHE, str(tmp_path / "cache"))
    yield folder
    server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *given):
        pass


def test_files_are_fetched_once_and_kept(published, tmp_path):
    path = networks.locate(NAME)
    assert path.is_relative_to(tmp_path / "cache")
    info, _ = restore(path)
    assert info.sha256 == networks.networks()[NAME].weights_sha256
    shutil.rmtree(published)
    assert networks.locate(NAME) == path


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_what_is_not_the_file_of_the_manifest_is_not_kept(published, tmp_path, ending):
    (file,) = published.glob(f"*{ending}")
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{file.name} gives is not the file of the manifest"):
        resnoise.load(NAME)
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_a_file_that_is_not_served_is_one_line(published):
    next(published.glob("*.safetensors")).unlink()
    with pytest.raises(CheckpointError, match=r"cannot fetch .*404"):
        resnoise.load(NAME)


def test_an_edited_file_is_fetched_anew(published):
    path = networks.locate(NAME)
    whole = path.read_text()
    path.write_text(whole.replace('"seed": 0', '"seed": 1'))
    assert networks.locate(NAME) == path
    assert path.read_text() == whole


def test_networks_of_another_version_are_passed_over(published, tmp_path, monkeypatch):
    """A package `resnoise-networks` may be older than the manifest."""
    old = tmp_path / "package" / "cifar10" / "qcfs-plus-L2" / "best.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    monkeypatch.setattr(places, "_roots", lambda: iter([tmp_path / "package"]))
    assert networks.locate(NAME).is_relative_to(tmp_path / "cache")
    unpublished = read_manifest().model_copy(update={"url": ""})
    monkeypatch.setenv(places.CACHE, str(tmp_path / "empty"))
    with pytest.raises(CheckpointError, match=r"install the resnoise-networks of this version"):
        places.find(NAME, unpublished)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "no address", "file:///nowhere"])
def test_an_address_that_answers_nothing_is_one_line(address, published, monkeypatch):
    silent = networks.read_manifest().model_copy(update={"url": address})
    monkeypatch.setattr(networks, "read_manifest", lambda: silent)
    with pytest.raises(CheckpointError, match=f"cannot fetch {address}/.*; try again, or pip inst"):
        resnoise.load(NAME)


def test_an_answer_that_is_no_http_is_one_line(published, monkeypatch):
    monkeypatch.setattr(Quiet, "handle", lambda self: self.request.sendall(b"garbage\r\n\r\n"))
    with pytest.raises(CheckpointError, match=r"cannot fetch .*garbage"):
        resnoise.load(NAME)


def test_what_is_published_nowhere_says_where_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "_roots", lambda: iter(()))
    monkeypatch.setenv(places.CACHE, str(tmp_path))
    unpublished = read_manifest().model_copy(update={"url": ""})
    with pytest.raises(CheckpointError, match=r"'resnoise\[networks\]'.*sparse-checkout"):
        places.find(NAME, unpublished)


def test_the_cache_is_where_the_system_has_its_own(monkeypatch):
    monkeypatch.delenv(places.CACHE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert places.cache() == Path("/somewhere/resnoise")


def test_commands_take_names(tmp_path):
    listed = command("list", "networks", cwd=tmp_path).stdout
    assert all(name in listed for name in networks.names())
    done = command("convert", NAME, "--out", "chip.safetensors", cwd=tmp_path)
    assert done.stdout.endswith("chip.safetensors\n")
    command("export", NAME, "--to", "norse", "--out", "chip.safetensors", cwd=tmp_path)
    assert (tmp_path / "run_chip.py").exists()
    done = command("evaluate", "cifar10-nothing", cwd=tmp_path, status=1)
    assert "expected the file of a checkpoint or the name of a network" in done.stderr
    done = command("list", "nothing", cwd=tmp_path, status=1)
    assert "expected `networks` or nothing, but got 'nothing'" in done.stderr
