"""Figures of the reports, one module per report."""
