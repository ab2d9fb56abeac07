"""The comparison as Markdown, CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from resnoise.analysis.rows import row_of
from resnoise.analysis.significance import RowTest
from resnoise.report.csv import csv_text
from resnoise.report.markup import escape_markdown, latex_table, markdown_list, markdown_table
from resnoise.report.sections import Report, Section

CONTINUE = "Run the same comparison again: it resumes where it stopped."


def markdown_document(report: Report) -> str:
    """Everything but the figures."""
    parts = [f"# Comparison on {escape_markdown(report.title)}"]
    if report.warnings:
        parts.append("**Caveats:**\n\n" + markdown_list(report.warnings))
    if report.missing:
        parts.append(f"**Not measured yet.** {CONTINUE}\n\n" + markdown_list(report.missing))
    for section in report.sections:
        parts.append(f"## {escape_markdown(section.conditions.subject)}")
        parts.append(markdown_list(section.summaries))
        parts += [markdown_table(table) for table in section.tables]
        parts += [markdown_table(table) for table in section.published]
        parts += [markdown_table(table) for table in (section.trainings, section.provenance)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def latex_document(report: Report) -> str:
    """The tables that a paper shows, to be included with `\\input`."""
    tables = [
        latex_table(
            table,
            f"{table.title}. {section.conditions}.",
            f"tab:{section.name}-{table.name}",
        )
        for section in report.sections
        for table in section.tables
        if table.latex
    ]
    return "% needs \\usepackage{booktabs,graphicx}\n\n" + "\n".join(tables)


def comparison_csv(report: Report) -> str:
    """One line per row and T in full precision, with its tests against the reference method."""
    frames = [
        section.frame.join(
            pd.DataFrame(list(_tests(section)), index=section.frame.index, dtype=object)
        )
        for section in report.sections
    ]
    return csv_text(pd.concat(frames, ignore_index=True))


def _tests(section: Section) -> Iterator[dict[str, object]]:
    """For each line of the frame, what the row_tests at equal T and equal steps say."""
    for _, line in section.frame.iterrows():
        row = row_of(line)
        held = [
            row_test
            for row_test in section.row_tests
            if row_test.timesteps == line.timesteps
            and row.backend in row_test.backends
            and row_test.other.contender == row.contender
        ]
        yield {
            **_test([row_test for row_test in held if row_test.equal_timesteps], "equal_timesteps"),
            **_test([row_test for row_test in held if row_test.equal_steps], "equal_total_steps"),
        }


def _test(row_tests: Sequence[RowTest], suffix: str) -> dict[str, object]:
    """Of tests against several rows of the reference only whether they agree."""
    names = ("pairs", "difference", "seeds_low", "seeds_high", "p", "p_holm", "reference_is")
    values = [None] * len(names)
    if len(row_tests) == 1:
        row_test, result = row_tests[0], row_tests[0].result
        seeds = row_test.over_seeds or (None, None)
        tested = (result.p, row_test.p_holm, row_test.verdict)
        values = [result.pairs, result.difference, *seeds, *tested]
    elif row_tests:
        verdicts = {row_test.verdict for row_test in row_tests}
        values[-1] = verdicts.pop() if len(verdicts) == 1 else "mixed"
    return {f"{name}_{suffix}": value for name, value in zip(names, values, strict=True)}
