"""Tables, figures and a page from the records of a comparison."""

from resnoise.analysis.significance import Reference
from resnoise.report.terminal import summary_table
from resnoise.report.writer import write_report

__all__ = ["Reference", "summary_table", "write_report"]
