"""The command line as a user meets it: by its output and exit status."""

import json
import re
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.command_line import resnoise, resnoise_process

RESULTS = Path(__file__).parents[1] / "results"
SHORT = ["--epochs", "2", "--timesteps", "1,4"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A folder in which a small comparison has run."""
    folder = tmp_path_factory.mktemp("compared")
    arguments = ["compare", "--out", "out", "--methods", "nq,qcfs", "--seeds", "0,1", *SHORT]
    return folder, resnoise_process(*arguments, cwd=folder), arguments


def test_compare_prints_a_row_for_each_method_and_backend(compared):
    _, done, _ = compared
    for backend in ("reference", "norse", "snntorch"):
        assert sum(backend in line and "nq" in line for line in done.stdout.splitlines()) >= 1
    assert "T=4" in done.stdout
    assert "…" not in done.stdout  # nothing is cut where there is no terminal


def test_compare_writes_one_record_a_cell(compared):
    folder, _, _ = compared
    records = json.loads((folder / "out" / "records.json").read_text())["records"]
    cells = {(r["method"], r["backend"], r["seed"], r["timesteps"]) for r in records}
    assert len(records) == len(cells) == 2 * 3 * 2 * 2
    for record in records:
        assert record["total_steps"] == record["timesteps"]
        assert record["epochs"] == 2
        assert (record["ann_noisy_accuracy"] is None) == (record["method"] == "qcfs")


def test_backends_are_right_and_wrong_on_the_same_images(compared):
    folder, _, _ = compared
    records = json.loads((folder / "out" / "records.json").read_text())["records"]
    by_cell = {}
    for record in records:
        cell = record["method"], record["seed"], record["timesteps"]
        by_cell.setdefault(cell, set()).add(record["correct"])
    assert all(len(answers) == 1 for answers in by_cell.values())


def test_compare_writes_tables_and_trainings(compared):
    folder, _, _ = compared
    for name in ("comparison.md", "comparison.csv", "comparison.tex", "report.html"):
        assert (folder / "out" / name).stat().st_size > 0
    assert len(list((folder / "out" / "trainings").glob("*.json"))) == 4


def test_compare_again_adds_nothing_and_trains_nothing(compared):
    folder, _, arguments = compared
    before = (folder / "out" / "records.json").read_bytes()
    done = resnoise(*arguments, cwd=folder)
    assert "training " not in done.stdout
    assert (folder / "out" / "records.json").read_bytes() == before


def test_compare_resumes_with_what_is_missing(compared, tmp_path):
    folder, _, arguments = compared
    runs = ["--runs", folder / "runs"]
    one = [*arguments, *runs]
    one[one.index("0,1")] = "0"
    resnoise(*one, cwd=tmp_path)
    done = resnoise(*arguments, *runs, cwd=tmp_path)
    assert "seed 1" in done.stdout
    assert "seed 0" not in done.stdout


def test_compare_with_jobs_gives_the_same_networks(compared, tmp_path):
    folder, _, arguments = compared
    resnoise_process(*arguments, "--jobs", "2", "--backends", "reference", cwd=tmp_path)

    def accuracies(path):
        return {
            (r["method"], r["seed"], r["timesteps"]): r["correct"]
            for r in json.loads((path / "out" / "records.json").read_text())["records"]
        }

    ours, theirs = accuracies(tmp_path), accuracies(folder)
    assert ours == theirs  # one thread each way, so the same to the last bit


def test_compare_leaves_out_methods_that_have_no_network_for_the_timesteps(tmp_path):
    done = resnoise(
        "compare", "--out", "o", "--backends", "brian", "--timesteps", "1", cwd=tmp_path, status=1
    )
    assert "method direct is left out: it has no network for T = 1" in done.stdout


def test_compare_refuses_another_recipe_in_the_same_folder(compared):
    folder, _, arguments = compared
    done = resnoise(*arguments, "--set", "learning_rate=0.01", cwd=folder, status=1)
    assert "learning_rate is 0.05, now 0.01; use another --out" in done.stderr


def test_compare_refuses_another_recipe_for_other_cells_of_the_same_rows(compared):
    folder, _, arguments = compared
    for change in (["--seeds", "1"], ["--timesteps", "3"], ["--methods", "nq"]):
        done = resnoise(*arguments, *change, "--set", "learning_rate=0.01", cwd=folder, status=1)
        assert "learning_rate is 0.05, now 0.01; use another --out" in done.stderr


def best(folder, method="nq"):
    return next((folder / "runs/digits/digits-cnn/seed0").glob(f"{method}-*/best.json"))


def test_evaluate_reproduces_the_record(compared, tmp_path):
    folder, _, _ = compared
    resnoise("evaluate", best(folder), "--timesteps", "1,4", "--out", tmp_path, cwd=folder)
    again = json.loads((tmp_path / "records.json").read_text())["records"]
    first = json.loads((folder / "out" / "records.json").read_text())["records"]
    for record in again:
        (match,) = (
            r for r in first
            if (r["training"], r["backend"], r["seed"], r["timesteps"])
            == (record["training"], "reference", 0, record["timesteps"])
        )  # fmt: skip
        for field in ("accuracy", "correct", "firing_rates", "synops_effective", "agreement"):
            assert record[field] == match[field]


def test_evaluate_refuses_to_add_to_records_of_other_weights_before_the_work(compared, tmp_path):
    folder, _, _ = compared
    resnoise("train", "--method", "nq", "--epochs", "1", "--runs", "runs", cwd=tmp_path)
    options = ["--timesteps", "2", "--out", folder / "out"]
    done = resnoise("evaluate", best(tmp_path), *options, cwd=tmp_path, status=1)
    assert "holds another network of this training" in done.stderr
    assert "test images" not in done.stdout


def test_convert_writes_weights_that_any_reader_of_safetensors_can_read(compared, tmp_path):
    folder, _, _ = compared
    target = tmp_path / "snn.safetensors"
    done = resnoise("convert", best(folder), "--out", target, cwd=folder)
    assert "threshold" in done.stdout
    with safe_open(target, "numpy") as file:
        layers = file.metadata()["spiking_layers"].split(",")
        assert len(layers) == 3
        assert all(file.get_tensor(f"{layer}.threshold") > 0 for layer in layers)


def test_convert_wants_no_data_set(tmp_path):
    committed = RESULTS / "checkpoints/cifar10/qcfs-plus-L2/best.json"
    resnoise("convert", committed, "--out", "snn.safetensors", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["snn.safetensors"]


def test_convert_refuses_neurons_that_its_file_would_not_tell_of(tmp_path):
    resnoise("train", "--method", "direct", "--epochs", "1", "--timesteps", "2", cwd=tmp_path)
    trained = best(tmp_path, "direct-ce-reference-T2")
    done = resnoise("convert", trained, "--out", "snn.safetensors", cwd=tmp_path, status=1)
    assert "cannot export direct: its neurons are leaky integrate-and-fire" in done.stderr
    assert not (tmp_path / "snn.safetensors").exists()


def test_what_writes_a_file_refuses_a_folder_before_the_work(compared):
    folder, _, _ = compared
    for command, status in ((["convert", best(folder), "--out"], 1), (["check", "--html"], 2)):
        done = resnoise(*command, ".", cwd=folder, status=status)
        assert "expected a file to write, but . is a directory" in done.stderr


@pytest.mark.parametrize(
    ("timesteps", "message"), [("", "at least one"), ("2,2", "once"), ("0,1", "larger than 0")]
)
def test_evaluate_refuses_time_steps_before_it_simulates(compared, timesteps, message):
    folder, _, _ = compared
    done = resnoise("evaluate", best(folder), "--timesteps", timesteps, cwd=folder, status=1)
    assert message in done.stderr
    assert "test images" not in done.stdout


def test_report_writes_the_same_tables_again(compared):
    folder, _, _ = compared
    before = (folder / "out" / "comparison.csv").read_bytes()
    resnoise("report", "out", cwd=folder)
    assert (folder / "out" / "comparison.csv").read_bytes() == before


def test_report_with_another_reference_goes_elsewhere(compared):
    folder, _, _ = compared
    before = (folder / "out" / "comparison.md").read_bytes()
    resnoise("report", "out", "--reference", "qcfs", "--out", "other", cwd=folder)
    assert "### Paired tests: qcfs against each" in (folder / "other" / "comparison.md").read_text()
    assert not (folder / "other" / "records.json").exists()

    done = resnoise("report", "out", "--reference", "nq:2", cwd=folder, status=1)
    assert "qcfs with L = 4" in done.stderr
    assert "got nq with L = 2" in done.stderr
    assert (folder / "out" / "comparison.md").read_bytes() == before


def test_a_folder_that_cannot_be_is_told_before_the_work(compared, tmp_path):
    folder, _, _ = compared
    for command in (["ablate"], ["decompose", best(folder)]):
        done = resnoise(*command, "--out", "/dev/null/o", cwd=tmp_path, status=1)
        assert "cannot make the directory" in done.stderr
        assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_an_edited_checkpoint_is_refused(compared, tmp_path):
    folder, _, _ = compared
    source = best(folder)
    copy = tmp_path / "best.json"
    copy.write_text(source.read_text())
    weights = next(source.parent.glob("best-*.safetensors"))
    (tmp_path / weights.name).write_bytes(weights.read_bytes()[:-1])
    done = resnoise("evaluate", copy, cwd=folder, status=1)
    assert "truncated or edited" in done.stderr


def test_train_ends_with_what_came_out_and_what_to_run_next(tmp_path):
    done = resnoise("train", "--method", "qcfs", "--epochs", "1", cwd=tmp_path)
    assert "training 1 of 1: qcfs, digits-cnn, seed 0" in done.stdout
    assert "1 of 1" in done.stdout.partition("best epoch")[2]
    commands = [line for line in done.stdout.splitlines() if " runs/" in line][1:]
    for line, verb in zip(commands, ("evaluate", "convert"), strict=True):
        words = line.split()
        resnoise(*words[words.index(verb) :], cwd=tmp_path)


def test_the_network_of_direct_training_is_evaluated_as_it_was_trained(tmp_path):
    arguments = ["--method", "direct", "--epochs", "1", "--timesteps", "2,4"]
    done = resnoise("train", *arguments, cwd=tmp_path)
    assert "training 2 of 2: direct-ce-reference-T4" in done.stdout
    nexts = [line for line in done.stdout.splitlines() if "resnoise evaluate" in line]
    assert [line.partition("--backend ")[2] for line in nexts] == [
        "reference --timesteps 2",
        "reference --timesteps 4",
    ]
    assert "resnoise convert" not in done.stdout


def test_a_recipe_is_shown_and_nothing_is_trained(tmp_path):
    arguments = ["--methods", "nq,nq-plus", "--dataset", "cifar10", "--set", "momentum=0.8"]
    done = resnoise("compare", "--out", "o", *arguments, "--show-recipe", cwd=tmp_path)
    rows = {line.split()[1]: line.split()[3::2] for line in done.stdout.splitlines() if "│" in line}
    assert rows["momentum"] == ["0.8", "0.8"]
    assert rows["epochs"] == ["60", "10"]
    assert rows["augmentation"] == ["crop,flip,autoaugment,cutout"] * 2
    assert list(tmp_path.iterdir()) == []
    assert "epochs=60" in resnoise("train", "--help", cwd=tmp_path).stdout


def test_the_reference_is_by_default_a_method_that_is_compared(tmp_path):
    fast = ["--backends", "reference", "--seeds", "0", "--epochs", "1", "--timesteps", "1"]
    resnoise("compare", "--out", "o", "--methods", "qcfs,srp", *fast, cwd=tmp_path)
    assert "Paired tests: qcfs against each" in (tmp_path / "o" / "comparison.md").read_text()


def test_version(tmp_path):
    said = resnoise("--version", cwd=tmp_path).stdout
    assert re.fullmatch(r"resnoise \d+\.\d+\.\d+, commit [0-9a-f]{12}( \(dirty\))?\n", said)


def test_list_names_what_can_be_chosen(tmp_path):
    done = resnoise("list", cwd=tmp_path)
    for name in ("nq", "qcfs", "norse", "snntorch", "resnet20", "imagefolder:PATH"):
        (line,) = (line for line in done.stdout.splitlines() if line.split()[0] == name)
        assert len(line.split()) > 3  # says what it is


def test_help_of_every_command(tmp_path):
    for command in ("train", "convert", "export", "evaluate", "compare", "report", "list"):
        assert "Usage" in resnoise(command, "--help", cwd=tmp_path).stdout


def test_an_image_folder_from_training_to_tables(tmp_path):
    image = pytest.importorskip("PIL.Image")
    numpy = pytest.importorskip("numpy")
    rng = numpy.random.default_rng(0)
    for split, count in (("train", 20), ("test", 4)):
        for label, level in (("dark", 60), ("light", 190)):
            folder = Path(tmp_path, "photos", split, label)
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(level - 50, level + 50, (32, 32, 3), dtype=numpy.uint8)
                image.fromarray(pixels).save(folder / f"{index}.png")
    data = ["--dataset", "imagefolder:photos", "--image-size"]
    fast = ["--methods", "nq", "--backends", "reference", "--architectures", "digits-cnn"]
    arguments = ["compare", "--out", "out", "--augmentation", "flip", *fast, *SHORT, *data]
    done = resnoise(*arguments, "16", cwd=tmp_path)
    assert "imagefolder:photos" in done.stdout
    assert (tmp_path / "out" / "report.html").exists()

    (trained,) = (tmp_path / "runs").glob("**/best.json")
    resnoise("evaluate", trained, "--timesteps", "1", cwd=tmp_path)  # at the size it was trained at
    done = resnoise("evaluate", trained, "--image-size", "8", cwd=tmp_path, status=1)
    assert "expected --image-size only with --model, but got a checkpoint" in done.stderr
    done = resnoise(*arguments, "8", cwd=tmp_path, status=1)
    assert "was made of other images of imagefolder:photos" in done.stderr
    Path(tmp_path, "photos/test/dark/0.png").unlink()
    for out, message in (("out", "made of other images"), ("new", "expected data_sha256")):
        done = resnoise(*arguments, "16", "--out", out, cwd=tmp_path, status=1)
        assert message in done.stderr


def test_ablate_writes_a_row_for_each_change(tmp_path):
    arguments = ["ablate", "--out", "out", "--methods", "qcfs", "--epochs", "1", "--seeds", "0"]
    done = resnoise(*arguments, "--timesteps", "1,2", cwd=tmp_path)
    assert "out/ablation.md" in done.stdout
    text = (tmp_path / "out" / "ablation.md").read_text()
    assert "| qcfs | as it is |" in text
    assert "| qcfs | activation.levels = 8 |" in text
    assert (tmp_path / "out" / "ablation.csv").exists()


CHANGES = [
    "induction.timesteps=2", "extensions.threshold_weight_decay=false",
    "extensions.start_from=qcfs", "extensions.start_epochs=2",
    "extensions.start_learning_rate=0.2", "extensions.ramp=0.5", "extensions.averaging=0.5",
    "extensions.residual=local", "extensions.distribution=measured", "extensions.compensate=true",
]  # fmt: skip


def test_switches_reach_the_recipe(tmp_path):
    set_all = [word for change in CHANGES for word in ("--set", change)]
    done = resnoise("train", "--epochs", "1", *set_all, cwd=tmp_path)
    (network,) = (line for line in done.stdout.splitlines() if line.startswith("network "))
    info = json.loads(Path(tmp_path, network.split()[1]).read_text())
    assert info["job"]["recipe"]["induction"] == {"timesteps": 2}
    assert info["job"]["recipe"]["extensions"] == {
        "threshold_weight_decay": False,
        "start_from": "qcfs",
        "start_epochs": 2,
        "start_learning_rate": 0.2,
        "ramp": 0.5,
        "averaging": 0.5,
        "residual": "local",
        "distribution": "measured",
        "compensate": True,
    }
    assert info["start"] == json.loads(best(tmp_path, "qcfs").read_text())["sha256"]
    assert best(tmp_path).exists()


def test_compare_tests_against_the_method_it_is_told(compared, tmp_path):
    folder, _, arguments = compared
    done = resnoise(*arguments, "--runs", folder / "runs", "--reference", "qcfs", cwd=tmp_path)
    text = (tmp_path / "out" / "comparison.md").read_text()
    assert "Paired tests: qcfs against each other method" in text
    rows = [
        line for line in done.stdout.splitlines() if "norse" in line and "evaluation" not in line
    ]
    marked = {line.split()[1]: bool(set(line) & set("▲▼≈")) for line in rows}
    assert marked == {"nq": True, "qcfs": False}


def test_compare_refuses_an_unknown_reference_before_it_trains(tmp_path):
    done = resnoise("compare", "--out", "out", "--reference", "qcsf", cwd=tmp_path, status=1)
    assert "unknown method 'qcsf'" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_shared_training_is_of_the_method_that_it_is_named_after(tmp_path):
    resnoise(
        "compare", "--out", "out", "--methods", "srp", "--seeds", "0", "--epochs", "1",
        "--timesteps", "1", "--backends", "reference", cwd=tmp_path,
    )  # fmt: skip
    (training,) = (tmp_path / "out" / "trainings").glob("*.json")
    for path in (best(tmp_path, "qcfs"), training):
        assert json.loads(path.read_text())["method"] == "qcfs"


def test_recorded_errors_are_after_the_same_steps_whatever_the_noise_is_measured_at(tmp_path):
    arguments = [
        "compare", "--out", "out", "--methods", "nq", "--set", "induction.timesteps=2",
        "--seeds", "0", "--timesteps", "1", "--backends", "reference", "--epochs",
    ]  # fmt: skip
    resnoise(*arguments, "1", cwd=tmp_path)
    (training,) = (tmp_path / "out" / "trainings").glob("*.json")
    assert json.loads(training.read_text())["residual"]["timesteps"] == 4

    (tmp_path / "out" / "records.json").unlink()
    resnoise(*arguments, "2", cwd=tmp_path)
    assert len(json.loads(training.read_text())["history"]) == 2
