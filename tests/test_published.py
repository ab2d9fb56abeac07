"""The published figures: copied faithfully, named as this suite names things, checked when read."""

from __future__ import annotations

import csv

import pytest
from resnoise_baselines.published import PATH, load_published

from resnoise.errors import DataError

HEAD = "method,dataset,arch,L,metric,T,accuracy,source,note\n"


def test_every_line_of_the_file_arrives_unchanged():
    frame = load_published()
    with PATH.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(frame) == len(lines) == 377
    for line, row in zip(lines, frame.itertuples(), strict=True):
        assert (row.method, row.source) == (line["method"], line["source"])
        assert row.dataset == line["dataset"].lower().replace("-", "")
        assert row.architecture.lower().replace("-", "") == line["arch"].lower().replace("-", "")
        assert row.accuracy == float(line["accuracy"])
        if line["metric"] == "snn":
            assert row.timesteps == int(line["T"])


def test_figures_read_in_the_sources():
    # README.md of the NQ authors' repository and Table 1 of the QCFS paper, ResNet-20 on CIFAR-10
    frame = load_published()
    frame = frame[(frame["dataset"] == "cifar10") & (frame["architecture"] == "resnet20")]
    nq = frame[(frame["method"] == "NQ") & (frame["metric"] == "snn")]
    assert dict(zip(nq["timesteps"], nq["accuracy"], strict=True)) == {
        1: 65.99,
        2: 77.30,
        4: 84.54,
        8: 87.43,
        16: 88.26,
    }
    qcfs = frame[(frame["method"] == "QCFS") & frame["source"].str.contains("Table 1")]
    assert qcfs.set_index("timesteps")["accuracy"][4] == 83.75
    assert frame["source"].ne("").all()


def test_types():
    frame = load_published()
    assert {str(frame[name].dtype) for name in ("accuracy", "timesteps")} == {"float64", "Int64"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read"),
        ("a,b\n1,2\n", "expected the columns method"),
        (HEAD + "NQ,CIFAR-10,VGG-16,4,snn,1,188,x,\n", "line 2.*accuracy.*per cent.*'188'"),
        (HEAD + "NQ,CIFAR-10,VGG-16,4,snn,1,high,x,\n", "line 2.*accuracy"),
        (HEAD + "NQ,CIFAR-10,VGG-16,4,snn,,88,x,\n", "line 2.*`T`"),
        (HEAD + "NQ,CIFAR-10,VGG-16,4,ann,4,88,x,\n", "line 2.*`T`"),
        (HEAD + "NQ,CIFAR-10,VGG-16,4,rnn,4,88,x,\n", "line 2.*metric"),
        (HEAD + "NQ,CIFAR-10,VGG-16,4,snn,4,88,,\n", "line 2.*source"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, text, message):
    path = tmp_path / "published.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_published(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        load_published(tmp_path / "none.csv")
