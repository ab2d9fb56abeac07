"""Tables and numbers of the documents are those of the committed results."""

from textwrap import dedent

import pandas as pd
import pytest

from docs import published
from docs.sources import TABLES, parse, read
from docs.tables import PAGES, rewritten, table, tables_without_source, wrong_numbers

PER_PAGE = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


@PER_PAGE
def test_tables_are_those_of_the_results(path):
    page = path.read_text()
    assert page == rewritten(page), "run `make docs-tables`"
    assert tables_without_source(page) == []


@PER_PAGE
def test_numbers_in_sentences_are_those_of_the_results(path):
    assert list(wrong_numbers(path.read_text())) == []


def test_measured_beside_published_is_that_of_the_results():
    rows = published.beside()
    assert published.PAGE.read_text() == published.page(rows), "run `make docs-tables`"
    (row,) = (r for r in rows if r[:3] == ("cifar10", "resnet20", "NQ") and r.table == "cifar10")
    source = parse("cifar10 nq/4")
    paper = parse("published cifar10/resnet20 NQ/4")
    assert row.same
    assert row.differences[0] == source.value("noisy") - paper.value("ANN")
    assert row.differences[4] == source.value(":4") - paper.value(":4")


def test_a_table_is_made_of_its_comment():
    comment = """ who | ANN | T=2 | energy, T=2
        marks: comparison
        intervals: yes
        QCFS = cifar10 qcfs/4
        less NQ = cifar10 qcfs - cifar10 nq
        """
    csv = pd.read_csv(TABLES / "cifar10" / "comparison.csv").set_index(
        ["method", "backend", "timesteps"]
    )
    qcfs, nq = (csv.loc[method, "norse", 2] for method in ("qcfs", "nq"))
    assert qcfs.reference_is_equal_timesteps == "better"  # NQ is: QCFS has the other mark
    half = 50 * (qcfs.accuracy_high - qcfs.accuracy_low)
    one, two = table(comment).splitlines()[2:]
    assert one == (
        f"| QCFS | {100 * qcfs.ann_accuracy:.1f} | {100 * qcfs.accuracy:.1f} ±{half:.1f} ▼ "
        f"| {qcfs.energy_nj / qcfs.ann_energy_nj:.3f} |"
    )
    assert f"| −{100 * (nq.accuracy - qcfs.accuracy):.1f}" in two


@pytest.mark.parametrize(
    ("sentence", "comment"),
    [
        ("NQ has 73.3 % at T = 2.", "cifar10 nq @2"),  # it has 73.2
        ("NQ has 73.2 % at T = 2.", ""),
        ("NQ has 73 points, and 54.7.", "cifar10 nq @2"),  # the second is in no comment
        ("NQ is 4.2 points behind.", "cifar10 qcfs - nq @2"),  # it is ahead
        ("NQ is 3.7 and 4.2 points ahead.", "cifar10 nq - qcfs @2,4"),  # the other way round
    ],
)
def test_a_number_that_is_wrong_or_has_no_source_is_found(sentence, comment):
    page = f"{sentence}\n" + (f"<!-- numbers: {comment} -->\n" if comment else "")
    assert len(list(wrong_numbers(page))) == 1


def test_what_is_no_result_needs_no_source():
    page = """
        By `--ramp 0.25`, [a page](of/version-1.5.md) of arXiv 2404.17456, for 60 epochs:

            resnoise train --learning-rate 0.1

        NQ is 4.2 and 3.7 points ahead, at a rate of 0.05. <!-- numbers: cifar10 nq - qcfs @2,4;
        given 0.05 -->
        """
    assert list(wrong_numbers(dedent(page))) == []


def test_a_table_without_a_source_is_found():
    page = "| method | T=2 |\n| --- | ---: |\n| nq | 73.2 |\n"
    assert tables_without_source(page) == ["| method | T=2 |"]
    assert tables_without_source(f"<!-- table: method | T=2\nnq = cifar10 nq -->\n\n{page}") == []


def test_rows_of_every_kind_of_source():
    assert parse("cifar10-decomposition nq/4").value("order:2") == pytest.approx(-10.64, abs=0.005)
    assert parse("published cifar10/resnet20 NQ/4").value("4") == 84.54
    assert parse("cifar10-ablation-12 nq learning_rate=0.1").value("1") == pytest.approx(38.82)
    first, second = (parse(f"cifar100-from-8 nq#{seed}").value("1") for seed in (0, 1))
    assert (first + second) / 2 == pytest.approx(parse("cifar100-from-8 nq").value("1"))
    line = parse("speed/training.csv architecture=resnet20 bf16=True compiled=True")
    assert line.value("ratio") == pytest.approx(read("speed/training.csv").ratio[2])


@pytest.mark.parametrize(
    ("source", "column", "reason"),
    [
        ("nowhere nq", "1", "no results"),
        ("cifar10-plus nq-plus", "1", "name L"),
        ("speed/training.csv architecture=resnet20", "ratio", "expected one line"),
    ],
)
def test_a_source_that_is_not_one_row(source, column, reason):
    with pytest.raises(ValueError, match=reason):
        parse(source).value(column)
