"""Ranked labels -> labels.html and tables as CSV, in one folder. Needs the extra `train` (pandas)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas

from number_prediction.datasets.split import Split
from number_prediction.files import write_together
from number_prediction.html import data_url, picture_to_png, render

LABELS_FILE = "labels.html"
SHOWN = 100
"""Pictures of each part on the page."""


def write_label_report(
    parts: Mapping[str, tuple[Split, pandas.DataFrame]], folder: Path, *, title: str
) -> Path:
    """Write labels.html and labels_PART.csv of ranked labels; returns the page, which needs no other file.

    Args:
        parts: name of a part -> the split of frames and its labels as `label_errors.rank` gives them.
        folder: made if it is not there.
        title: of the page.
    """
    sections = []
    for name, (split, table) in parts.items():
        rows = [
            {**row, "image": data_url(picture_to_png(255 - np.asarray(split.images[row["index"]])))}
            for row in table.head(SHOWN).to_dict("records")
        ]
        sections.append(
            {"name": name, "rows": rows, "suspects": int(table["is_suspect"].sum()), "count": len(table)}
        )
    page = render("reports/templates/labels.html.j2", title=title, sections=sections)
    tables = {f"labels_{name}.csv": table.to_csv(index=False) for name, (_, table) in parts.items()}
    write_together(folder, {**tables, LABELS_FILE: page})
    return folder / LABELS_FILE
