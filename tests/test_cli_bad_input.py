"""Bad input on the command line: one line that says what to do, a status, and nothing lost."""

import pytest

from tests.command_line import resnoise, resnoise_process


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "--out", "o", "--methods", "nope"], "unknown method 'nope'; known:"),
        (["compare", "--out", "o", "--backends", "brian"], "unknown backend 'brian'; known:"),
        (["compare", "--out", "o", "--dataset", "mnist"], "unknown data set 'mnist'; known:"),
        (["compare", "--out", "o", "--architectures", "lenet"], "unknown architecture 'lenet'"),
        (["compare", "--out", "o", "--timesteps", "0"], "larger than 0, but got 0"),
        (["compare", "--out", "o", "--timesteps", "two"], "integers with commas"),
        (["compare", "--out", "o", "--levels", "0"], "larger than 0, but got 0"),
        (
            ["compare", "--out", "o", "--set", "activation.threshold=-1"],
            'or "data", but got -1',
        ),
        (["compare", "--out", "o", "--set", "activation.threshold=high"], 'or "data"'),
        (["compare", "--out", "o", "--threads", "0"], "larger than 0, but got 0"),
        (["compare", "--out", "o", "--threads", "1000000000"], "at most 1024, but got 1000000000"),
        (["compare", "--out", "o", "--jobs", "0"], "larger than 0, but got 0"),
        (["compare", "--out", "o", "--seeds", "1,1"], "one or more, each once"),
        (["compare", "--out", "/dev/null/o"], "cannot make the directory"),
        (["compare", "--out", "o", "--architectures", "vgg16"], "multiple of 32"),
        (["train", "--dataset", "cifar10", "--no-download"], "did not find"),
        (["train", "--dataset", "imagefolder:missing"], "missing"),
        (
            ["compare", "--out", "o", "--methods", "nq,direct", "--timesteps", "1,3"],
            "direct trains",
        ),
        (["train", "--method", "direct", "--timesteps", "1,3"], "(2, 4, 6), which method direct"),
        (["train", "--set", "extensions.start_from=direct"], "without spikes, but got direct"),
        (
            ["train", "--method", "direct", "--set", "extensions.start_from=qcfs"],
            "leave direct or `start_from`",
        ),
        (["ablate", "--methods", ",", "--out", "o"], "one or more, each once"),
        (["train", "--augmentation", "mixup"], "unknown augmentation 'mixup'"),
        (["train", "--device", "tpu"], "auto, cpu, cuda or cuda:N"),
        (["evaluate", "nothing.json", "--device", "cpu:x"], "cannot read nothing.json"),
        (["evaluate", "nothing.json"], "cannot read nothing.json"),
        (["convert", "nothing.json", "--out", "x"], "cannot read nothing.json"),
        (["report", "empty"], "there are no records"),
        (["evaluate", "nothing.json", "--backend", "brian"], "unknown backend 'brian'"),
        (["evaluate", "nothing.json", "--method", "nope"], "unknown method 'nope'"),
        (
            ["compare", "--out", "o", "--methods", "qcfs,srp", "--reference", "nq"],
            "expected --reference to be one of the methods that are compared (qcfs with L = 4, "
            "srp with L = 4), but got nq",
        ),
        (["compare", "--out", "o", "--methods", "nq", "--reference", "nq:2"], "but got nq with L"),
    ],
)
def test_bad_input_is_one_line_and_a_status(arguments, message, tmp_path):
    done = resnoise(*arguments, cwd=tmp_path, status=1)
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_damaged_records_are_kept(tmp_path):
    store = tmp_path / "out" / "records.json"
    store.parent.mkdir()
    store.write_text('{"schema_version": 1, "rec')
    resnoise("compare", "--out", "out", "--methods", "nq", "--epochs", "2", cwd=tmp_path, status=1)
    assert store.read_text() == '{"schema_version": 1, "rec'


def test_an_error_ends_the_process(tmp_path):
    done = resnoise_process("report", "empty", cwd=tmp_path, status=1)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--backend", "brian"], "unknown backend"),
        (["train", "--architecture", "lenet"], "unknown architecture"),
        (["compare", "--out", "o", "--methods", "qcfs", "--reference", "nq"], "--reference"),
        (["ablate", "--out", "o", "--start", "nope"], "unknown method"),
        (["ablate", "--out", "o", "--architecture", "lenet"], "unknown architecture"),
    ],
)
def test_names_are_checked_before_data_are_wanted(arguments, message, tmp_path):
    missing = ["--dataset", "cifar10", "--data-root", "nowhere", "--no-download"]
    done = resnoise(*arguments, *missing, cwd=tmp_path, status=1)
    assert message in done.stderr
    assert "did not find" not in done.stderr


def test_a_switch_of_another_value(tmp_path):
    done = resnoise("train", "--set", "extensions.distribution=cauchy", cwd=tmp_path, status=1)
    assert "one of gaussian, measured, conditional, but got 'cauchy'" in done.stderr
