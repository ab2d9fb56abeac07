"""Names of others: as files, in spreadsheets and on a terminal."""

import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnoise.cli.messages import PlainConsole
from resnoise.config.execution import ExecutionConfig
from resnoise.errors import ConfigError
from resnoise.report.csv import csv_text
from resnoise.training.run_folders import run_directory, train_in
from resnoise.utils.files import LONGEST_SLUG, slug
from resnoise.utils.text import escaped, is_plain, one_line
from tests.tiny_job import tiny_job


@given(st.text())
def test_a_slug_is_one_file_in_its_folder_or_refused(name):
    try:
        made = slug(name)
    except ConfigError:
        return
    assert not set(made) & set("/\\:\x00")
    assert made not in ("", ".", "..")
    assert len(made.encode()) <= LONGEST_SLUG
    assert is_plain(made)


@pytest.mark.parametrize("name", ["nq", "digits-cnn", "nq-0123abcd", "straße", "a b", "猫"])
def test_a_plain_name_is_its_own_slug(name):
    assert slug(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "../x", "a\x1b[31m", "a\n", "\udcff"])
def test_names_that_no_file_should_have(name):
    with pytest.raises(ConfigError, match="expected a name that a file can have") as refused:
        slug(name)
    assert is_plain(str(refused.value))


def test_long_names_stay_apart():
    first, second = ("n" * 300 + end for end in "ab")
    assert slug(first) != slug(second)
    assert slug("猫" * 100).startswith("猫")


@pytest.mark.parametrize("field", ["training", "architecture"])
def test_a_training_stays_in_its_folder(tmp_path, field):
    runs = tmp_path / "a" / "runs"
    job = tiny_job(epochs=1)
    object.__setattr__(job, field, "x/../../../../../outside")
    assert runs in run_directory(runs, job).resolve().parents
    object.__setattr__(job, field, "../../outside")
    with pytest.raises(ConfigError):
        train_in(runs, job, ExecutionConfig())
    assert list(tmp_path.iterdir()) == []


def test_no_name_is_a_formula():
    names = ["=1+1", "+1", "-1", "@x", "\t=x", "\rx", "nq", "a=b", None]
    frame = pd.DataFrame({"=name": names, "number": [-1.5] * len(names)})
    read = pd.read_csv(io.StringIO(csv_text(frame)), keep_default_na=False)
    expected = ["'=1+1", "'+1", "'-1", "'@x", "\\t=x", "\\rx", "nq", "a=b", ""]
    assert list(read["'=name"]) == expected
    assert set(read["number"]) == {-1.5}


def test_control_characters_do_not_reach_a_terminal():
    stream = io.StringIO()
    console = PlainConsole(file=stream, width=200)
    console.print("a\x1b[31mred\x07 [bold]b\nline", highlight=False)
    assert stream.getvalue() == "a\\x1b[31mred\\x07 [bold]b\nline\n"


@given(st.text(max_size=60))
def test_escaped_text_is_plain_and_plain_text_is_left(text):
    assert is_plain(escaped(text))
    if is_plain(text):
        assert escaped(text) == text


def test_a_message_is_one_line_whose_end_is_kept():
    assert one_line("a\n  b\tc") == "a b c"
    long = one_line("x" * 10**6 + " do this")
    assert len(long) < 2100
    assert long.endswith("do this")
