"""Tables as Markdown and as LaTeX with booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from resnoise.report.table import Cell, Table

_LATEX = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "τ": r"$\tau$",
    "ρ": r"$\rho$",
    "λ": r"$\lambda$",
    "θ": r"$\theta$",
    "σ": r"$\sigma$",
    "μ": r"$\mu$",
    "≈": r"$\approx$",
    "▲": r"$\uparrow$",
    "▼": r"$\downarrow$",
    "≷": r"$\updownarrow$",
    "·": r"$\cdot$",
    "–": "--",
    "−": "$-$",
}


def escape_latex(text: str) -> str:
    """`text` with everything replaced that LaTeX would read as a command."""
    return "".join(_LATEX.get(char, char) for char in text)


def escape_markdown(text: str) -> str:
    """`text` with everything replaced that Markdown would read as markup inside a table."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def markdown_table(table: Table, heading: str = "###") -> str:
    """A heading, the table in GitHub's Markdown, and its notes."""
    rule = ["---"] * table.labels + ["---:"] * (len(table.columns) - table.labels)
    lines = [map(escape_markdown, table.columns), rule]
    for index, row in enumerate(table.rows):
        if group := table.heading(index):
            lines.append([f"**{escape_markdown(group)}**", *[""] * (len(table.columns) - 1)])
        lines.append(map(_markdown_cell, row))
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "\n\n".join(map(escape_markdown, table.notes))
    return f"{heading} {escape_markdown(table.title)}\n\n{body}\n\n{notes}".rstrip() + "\n"


def markdown_list(items: Iterable[str]) -> str:
    """A bullet list, empty if there are no items."""
    return "".join(f"- {escape_markdown(item)}\n" for item in items)


def latex_table(table: Table, caption: str, label: str) -> str:
    """A `table` environment; the document needs `\\usepackage{booktabs,graphicx}`."""
    alignment = "l" * table.labels + "r" * (len(table.columns) - table.labels)
    lines = [" & ".join(map(escape_latex, table.columns)) + r" \\", r"\midrule"]
    for index, row in enumerate(table.rows):
        if group := table.heading(index):
            span = f"\\multicolumn{{{len(table.columns)}}}{{l}}"
            lines.append(f"\\addlinespace\n{span}{{\\emph{{{escape_latex(group)}}}}} \\\\")
        elif table.starts_group(index):
            lines.append(r"\addlinespace")
        lines.append(" & ".join(map(_latex_cell, row)) + r" \\")
    body = "\n".join(lines)
    notes = escape_latex(" ".join(table.notes))
    return (
        "\\begin{table}\n\\centering\n"
        f"\\caption{{{escape_latex(caption)}}}\n\\label{{{label}}}\n"
        f"\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n"
        f"\\begin{{tabular}}{{{alignment}}}\n\\toprule\n{body}\n\\bottomrule\n"
        f"\\end{{tabular}}}}\n\\par\\smallskip\n\\begin{{minipage}}{{\\linewidth}}\\footnotesize "
        f"{notes}\\end{{minipage}}\n\\end{{table}}\n"
    )


def _markdown_cell(cell: Cell) -> str:
    value = escape_markdown(cell.text)
    parts = (f"**{value}**" if cell.bold else value, escape_markdown(cell.spread), cell.mark)
    return " ".join(filter(None, parts))


def _latex_cell(cell: Cell) -> str:
    value = escape_latex(cell.text)
    parts = (f"\\textbf{{{value}}}" if cell.bold else value, cell.spread, cell.mark)
    return " ".join(filter(None, (parts[0], *map(escape_latex, parts[1:]))))
