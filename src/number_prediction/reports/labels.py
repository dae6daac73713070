"""Report on suspicious labels: ranked labels -> labels.html and CSV files. Needs the extra `train`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas

from number_prediction.datasets.split import Split
from number_prediction.files import write_together
from number_prediction.html import data_url, picture_to_png, render

LABELS_FILE = "labels.html"
MAX_LABELS_SHOWN = 100
"""Most pictures of each part on the page."""


def write_label_report(
    parts: Mapping[str, tuple[Split, pandas.DataFrame]], folder: Path, *, title: str
) -> Path:
    """Write labels.html and labels_PART.csv of ranked labels; returns the path of the page, a single file.

    Args:
        parts: name of a part -> its split of frames, and its labels as ranked by `label_errors.rank`.
        folder: created if missing.
        title: title of the page.
    """
    sections = []
    for name, (split, table) in parts.items():
        rows = [
            {**row, "image": data_url(picture_to_png(255 - np.asarray(split.images[row["index"]])))}
            for row in table.head(MAX_LABELS_SHOWN).to_dict("records")
        ]
        sections.append(
            {"name": name, "rows": rows, "suspects": int(table["is_suspect"].sum()), "count": len(table)}
        )
    page = render("reports/templates/labels.html.j2", title=title, sections=sections)
    tables = {f"labels_{name}.csv": table.to_csv(index=False) for name, (_, table) in parts.items()}
    write_together(folder, {**tables, LABELS_FILE: page})
    return folder / LABELS_FILE
