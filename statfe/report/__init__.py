"""Comparisons to HTML, CSV, JSON, HDF5 and figures; no physics."""

from statfe.report.write import REPORT_FILES, check_report_libraries, write_report

__all__ = ["REPORT_FILES", "check_report_libraries", "write_report"]
