"""Keeps the tables and numbers of the documents equal to the committed results.

A table follows a comment that says what is in it, and `make docs-tables` writes it:

    <!-- table: method | recipe | ANN | T=1 | T=2
    marks: cifar10-augmentation
    NQ | crops and flips = cifar10 nq
    NQ | that of the papers = cifar10-augmented nq
    what the second gains | = cifar10-augmented nq - cifar10 nq
    -->

First the heading, then one line for each row: the text of its first columns, and its source (see
`sources.py`) or the difference of two. Headings of figures are `T=4`, `ANN`, `ANN, noise on`, or
such as `energy, T=4`; a row that ends in `@4` fixes T itself. Options come before the rows:
`columns: a, b` names the columns of a CSV file, `marks: STUDY` adds ▲ and ▼ from the tests of a
contrast (or `comparison`, from the row's own), and `intervals: yes` adds ±, half the 95 % interval
over images.

A number in a sentence is named in a comment behind the sentence, in the order of reading:

    QCFS is 4.6 points ahead at T = 1, and 1.3 behind at T = 16.
    <!-- numbers: cifar10 qcfs - nq @1; nq - qcfs @16 -->

Every decimal number, and every number before "%" or "point", needs one, but for those in `code`.
A difference is written in the direction in which it is positive, so the comment says who is
ahead; with `srp @4 - nq @8` each side has a T of its own. After `;` and ` - ` the study need not be
named again. `given 0.05` is a setting, no result.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise

from docs.sources import ROOT, Source, parse, read, split
from resnoise.report.table import significant

# The pages that state results; the others state settings.
PAGES = tuple(
    ROOT / name
    for name in (
        "README.md",
        "docs/after-training.md",
        "docs/findings.md",
        "docs/further.md",
        "docs/pretrained.md",
        "docs/protocol.md",
        "docs/speed.md",
        "docs/tuning.md",
        "results/README.md",
    )
)
_MARKS = {"better": "▲", "worse": "▼"}
_MARKS_AGAINST = {"better": "▼", "worse": "▲"}  # the reference is better or worse than the row
_HEADINGS = {"ANN": "ANN", "ANN, noise on": "noisy"}

_OPTION = re.compile("(columns|marks|intervals): ")
_TABLE = re.compile(r"<!-- table:(.*?)-->\n*(?:\|[^\n]*\n)*\n*", re.DOTALL)
_COMMENT = re.compile(r"<!-- numbers:(.*?)-->", re.DOTALL)
_RESULT = re.compile(r"(?<![\w.])([+−]?)(\d+\.\d+|\d+(?= ?%| points?\b))")
_NOT_PROSE = re.compile(
    r"<!-- table:.*?-->|```.*?```|`[^`]*`|\]\([^)]*\)|arXiv:?\s*\d+\.\d+|\d+\.\d+\.\d+"
    r"|^\|.*?$|^ {4}.*?$",
    re.DOTALL | re.MULTILINE,
)


def rewritten(page: str) -> str:
    """A page with each of its tables as the results have it."""
    page = _TABLE.sub(lambda found: f"<!-- table:{found[1]}-->\n\n{table(found[1])}\n", page)
    return f"{page.rstrip()}\n"


def table(comment: str) -> str:
    """The Markdown of the table that a comment describes."""
    heading, *lines = filter(None, map(str.strip, comment.splitlines()))
    headings = [name.strip() for name in heading.split("|")]
    options = dict(line.split(": ", 1) for line in lines if _OPTION.match(line))
    rows = []
    for line in lines[len(options) :]:
        labels, _, source = line.rpartition(" = ")
        source, _, timesteps = source.partition(" @")
        cells = [label.strip() for label in labels.split("|")]
        names = [_column(name, timesteps) for name in headings[len(cells) :]]
        if "columns" in options:
            names = options["columns"].split(", ")
        cells += [_cell(_sources(source), name, options) for name in names]
        rows.append(cells)
    texts = len(lines[-1].rpartition(" = ")[0].split("|"))
    rule = ["---"] * texts + ["---:"] * (len(headings) - texts)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (headings, rule, *rows))


def wrong_numbers(page: str) -> Iterator[str]:
    """One line for each sentence whose numbers are not those of the results."""
    comments = list(_COMMENT.finditer(page))
    edges = [0, *(comment.end() for comment in comments), len(page)]
    for (start, end), comment in zip(pairwise(edges), [*comments, None], strict=True):
        prose = _COMMENT.sub("", page[start:end])
        found = ["".join(groups) for groups in _RESULT.findall(_NOT_PROSE.sub("", prose))]
        expected = list(_values(comment[1])) if comment else []
        agree = len(found) == len(expected) and all(map(_rounds_to, expected, found))
        if not agree:
            results = ", ".join(f"{value:.3f}" for value in expected) or "none"
            yield f"...{prose.strip()[-120:]!r} has {', '.join(found)}; the results are {results}"


def tables_without_source(page: str) -> list[str]:
    """Headings of tables that have decimal numbers, outside code, and no comment above them."""
    tables = re.findall(r"(?:^\|.*\n)+", _TABLE.sub("", page), re.MULTILINE)
    plain = (re.sub(r"`[^`]*`|\]\([^)]*\)", "", one) for one in tables)
    return [one.splitlines()[0] for one in plain if re.search(r"\d\.\d", one)]


def _values(comment: str) -> Iterator[float]:
    study = ""
    for entry in filter(None, map(str.strip, " ".join(comment.split()).split(";"))):
        if entry.startswith("given "):
            yield from map(float, entry.split()[1:])
            continue
        sides = [side.partition(" @") for side in entry.split(" - ")]
        columns = [side[2].replace(",", " ").split() for side in sides]
        sources = _sources(" - ".join(side[0] for side in sides), study)
        study = sources[-1].study
        for each in zip(*(own or columns[-1] for own in columns), strict=True):
            yield _difference(sources, each)


def _sources(text: str, study: str = "") -> list[Source]:
    """One source, or two with a minus between them."""
    sources = []
    for side in text.split(" - "):
        sources.append(parse(side, study))
        study = sources[-1].study
    return sources


def _difference(sources: Sequence[Source], columns: Sequence[str]) -> float:
    left, *right = map(Source.value, sources, columns)
    return left - right[0] if right else left


def _cell(sources: Sequence[Source], column: str, options: dict[str, str]) -> str:
    value = round(
        _difference(sources, [column] * len(sources)), 9
    )  # beyond that, the order of a sum decides
    if math.isnan(value):
        return "–"
    quantity, timesteps = split(column)
    if quantity == "energy":
        return significant(value, 2)
    if sources[0].study.endswith(".csv"):
        return significant(value)
    signed = len(sources) == 2 or quantity in ("levels", "order")
    parts = [f"{value:+.1f}".replace("-", "−") if signed else f"{value:.1f}"]
    if quantity == "accuracy":
        if "intervals" in options:
            (line,) = _lines(sources[0], "comparison", timesteps)
            parts.append(f"±{50 * (line.accuracy_high - line.accuracy_low):.1f}")
        parts.append(_mark(sources[0], options.get("marks"), timesteps))
    return " ".join(filter(None, parts))


def _mark(source: Source, study: str | None, timesteps: int) -> str:
    if study is None or source.seed:  # tests are of all seeds, or of seed 0
        return ""
    if study == "comparison":
        (line,) = _lines(source, "comparison", timesteps)
        return _MARKS_AGAINST.get(line.reference_is_equal_timesteps, "")
    tests = _lines(source._replace(study=study), "contrast", timesteps)
    return "".join(
        _MARKS.get(test.after_is, "") for test in tests if test.after_comparison == source.study
    )


def _lines(source: Source, file: str, timesteps: int) -> list:
    return list(source.select(read(f"{source.study}/{file}.csv"), timesteps).itertuples())


def _column(heading: str, timesteps: str) -> str:
    """`T=4` is the column `4`, `energy, T=4` is `energy:4`, `energy` of a row `@4` the same."""
    if heading in _HEADINGS:
        return _HEADINGS[heading]
    quantity, _, own = heading.rpartition("T=")
    quantity = (quantity if own != heading else heading).strip(" ,").partition(" ")[0]
    return f"{quantity or 'accuracy'}:{timesteps or own}"


def _rounds_to(value: float, text: str) -> bool:
    digits = len(text.partition(".")[2])
    return abs(value - float(text.replace("−", "-"))) <= 0.5 * 10**-digits + 1e-9


def main() -> int:
    """Write the tables and check the numbers of all pages; 1 if a number is wrong."""
    wrong = []
    for path in PAGES:
        page = path.read_text()
        path.write_text(page := rewritten(page))
        name = path.relative_to(ROOT)
        wrong += [f"{name}: {line}" for line in wrong_numbers(page)]
        wrong += [f"{name}: no source above {line}" for line in tables_without_source(page)]
    print("\n".join(wrong), file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
