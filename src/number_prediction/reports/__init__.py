"""Reports: results -> HTML pages, figures as PNG, tables as CSV."""
