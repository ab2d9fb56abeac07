"""Two comparisons beside each other: which rows meet, and what their difference is worth."""

import pandas as pd
import pytest
from scipy import stats

from resnoise.errors import RecordError
from resnoise.studies.contrast import contrast
from tests.command_line import run
from tests.comparisons import record, store, three_folds
from tests.made_up import make_record


def table(folder):
    """The written CSV, by method, backend and T."""
    return pd.read_csv(folder / "contrast.csv").set_index(["method", "backend", "timesteps"])


@pytest.fixture
def against(tmp_path):
    """Contrasts two lists of records; gives the page and the table."""

    def contrasted(before, after):
        out = tmp_path / "out"
        contrast(store(tmp_path / "before", before), store(tmp_path / "after", after), out)
        return (out / "contrast.md").read_text(), table(out)

    return contrasted


def test_the_same_comparison_differs_nowhere(against, folds):
    _, frame = against(folds, three_folds())
    assert (frame.difference == 0).all()
    assert (frame.p == 1).all()
    assert set(frame.after_is) == {"n.s."}
    # four methods at two T, each once for two backends that agree
    assert len(frame) == 8


def test_a_difference_is_that_of_the_second_less_the_first_by_its_own_test(against):
    page, frame = against([record("nq", 270)], [record("nq", 280)])
    (line,) = frame.itertuples()
    assert (line.before, line.after, line.difference) == (0.9, 280 / 300, pytest.approx(10 / 300))
    # ten images turned right and none wrong: twice the chance of ten heads
    assert line.p == pytest.approx(2 * 0.5**10)
    assert line.after_is == "better"
    assert "| nq | norse | better | 4 | 2 | 90.0 | 93.3 | 300 | 10 | 0 | **+3.33** |" in page


def test_all_tests_of_a_table_are_corrected_together(against):
    right = {"nq": 284, "qcfs": 285, "srp": 270}
    before = [record(method, 276) for method in right]
    _, frame = against(before, [record(method, count) for method, count in right.items()])
    by_hand = {8: 2 * 0.5**8, 9: 2 * 0.5**9, 6: 2 * 0.5**6}
    assert frame.p.tolist() == pytest.approx([by_hand[8], by_hand[9], by_hand[6]])
    assert frame.p_holm.tolist() == pytest.approx([2 * by_hand[8], 3 * by_hand[9], by_hand[6]])
    assert frame.after_is.tolist() == ["better", "better", "worse"]


def test_backends_that_disagree_are_tested_on_their_own(against):
    before = [record("nq", 270, backend=backend) for backend in ("norse", "snntorch")]
    after = [record("nq", 280, backend="norse"), record("nq", 260, backend="snntorch")]
    _, frame = against(before, after)
    assert frame.after_is.to_dict() == {
        ("nq", "norse", 2): "better",
        ("nq", "snntorch", 2): "worse",
    }


def test_seeds_that_only_one_side_has_count_for_nothing(against):
    before = [record("nq", right, seed=seed) for seed, right in enumerate((270, 272, 268))]
    after = [record("nq", right, seed=seed) for seed, right in enumerate((273, 277))]
    _, frame = against(before, [*after, record("nq", 100, seed=7)])
    (line,) = frame.itertuples()
    assert (line.before, line.after, line.pairs) == (pytest.approx(271 / 300), 275 / 300, 600)
    # Student's t on differences of 3 and 5 images
    half = stats.t.ppf(0.975, 1) / 300
    assert (line.seeds_low, line.seeds_high) == pytest.approx((4 / 300 - half, 4 / 300 + half))


def test_levels_are_rows_of_their_own_and_may_be_missing(against):
    before = [record("qcfs", 270, levels=levels) for levels in (2, 4)]
    direct = record("direct", 260, levels=None, ann_accuracy=None, ann_noisy_accuracy=None)
    page, frame = against([*before, direct], [record("qcfs", 280, levels=4), direct])
    assert frame.levels.fillna(0).tolist() == [0, 4]
    assert "- Only before has qcfs with L = 2 on norse." in page


def test_remarks_tell_what_the_recipes_and_the_code_were(against):
    recipe = {"epochs": 30, "activation": {"threshold": "data", "levels": 4}}
    other = {"epochs": 30, "activation": {"threshold": 8.0, "levels": 4}}
    page, _ = against(
        [record("nq", 270, recipe=recipe), record("qcfs", 270, recipe=recipe)],
        [
            record("nq", 280, recipe=other, git_commit="f" * 40),
            record("qcfs", 270, recipe=recipe, git_commit="f" * 40),
        ],
    )
    assert "- Recipe of nq with L = 4: activation.threshold data, then 8.0." in page
    assert "- Recipe of qcfs with L = 4: the same." in page
    assert "- before: evaluated by 0123456789ab; trained on: not noted." in page
    assert "- after: evaluated by ffffffffffff; trained on: not noted." in page


def test_remarks_on_recipes_are_of_the_networks_that_were_tested(against):
    def direct(timesteps, epochs):
        own = {"training": f"direct-T{timesteps}", "checkpoint_sha256": str(timesteps) * 64}
        recipe = {"recipe": {"epochs": epochs}}
        return record("direct", 260, levels=None, timesteps=timesteps, **own, **recipe)

    page, _ = against([direct(2, 20), direct(4, 12)], [direct(4, 12), direct(6, 30)])
    assert "- Recipe of direct: the same." in page
    page, _ = against([direct(2, 20), direct(4, 12)], [direct(2, 20), direct(4, 20)])
    assert "- Recipe of direct (direct-T2): the same." in page
    assert "- Recipe of direct (direct-T4): epochs 12, then 20." in page


def test_other_images_are_not_paired(against):
    after = [record("nq", 270), record("qcfs", 280, data_sha256="e" * 64)]
    page, frame = against([record("nq", 270), record("qcfs", 270)], after)
    assert frame.reset_index().method.tolist() == ["nq"]
    assert "- qcfs and qcfs were tested on different images of digits (seed 0)" in page


def test_every_data_set_has_a_table_of_its_own(against):
    both = [record("nq", 270), record("nq", 270, dataset="cifar10")]
    page, frame = against(both, both)
    assert page.count("# after against before, ") == 2
    assert sorted(frame.dataset) == ["cifar10", "digits"]


def test_folders_of_one_name_are_told_by_their_paths(tmp_path):
    sides = [store(tmp_path / side / "out", [record("nq", 270)]) for side in ("old", "new")]
    run("contrast", *sides, "--out", tmp_path / "contrast")
    (line,) = table(tmp_path / "contrast").itertuples()
    assert [line.before_comparison, line.after_comparison] == list(map(str, sides))


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (make_record(method="qcfs"), "share none"),
        (make_record(timesteps=8), "share none"),
        (make_record(seed=1), "share none"),
        (make_record(test_ids=[5, 6, 7, 8]), "share none.*different images"),
        (make_record(dataset="cifar10"), "digits with smallnet and .* of cifar10 with smallnet"),
    ],
)
def test_comparisons_that_share_nothing(against, after, reason):
    with pytest.raises(RecordError, match=reason):
        against([make_record()], [after])


def test_a_folder_without_records(tmp_path):
    full = store(tmp_path / "full", [make_record()])
    with pytest.raises(RecordError, match=r"no records in .*empty.*a comparison to that"):
        contrast(full, tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()
