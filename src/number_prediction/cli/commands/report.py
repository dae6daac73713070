"""Command report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from number_prediction.cli.console import extra, open_in_browser, say
from number_prediction.cli.options import (
    MeasuredOption,
    OpenOption,
    Part,
    PartOption,
    ThreadsOption,
)


def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Folders of finished runs that know the same classes.")
    ],
    data: MeasuredOption = None,
    part: PartOption = Part.test,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the report.", show_default="runs/report-TIME"),
    ] = None,
    threads: ThreadsOption = None,
    open_report: OpenOption = False,
) -> None:
    """Compare runs side by side, and test whether their differences are significant.

    All runs read the same pictures. Each pair is compared with McNemar's test and the paired bootstrap.
    Writes runs.html, figures as PNG and tables as CSV; prints the path of the page.
    """
    with extra("train"):
        from number_prediction.datasets.load import (
            canonical_source,
            describe_part,
            display_name,
            load_evaluation_split,
        )
        from number_prediction.evaluation import runs as evaluation_runs
        from number_prediction.reports.runs import write_runs_report
        from number_prediction.runs.run import new_folder

    runs = evaluation_runs.open_runs(folders)
    source = canonical_source(data) if data else evaluation_runs.shared_data(runs)
    is_own = any(run.settings().data == source for run in runs.values())
    split = load_evaluation_split(source, part, divided=is_own)
    words = describe_part(display_name(source), part, is_own=is_own)
    measured = []
    for name, run in runs.items():
        say(f"{name}: reading {len(split):,} pictures")
        measured.append(evaluation_runs.measure(name, run, split, data=words, threads=threads))
    pairs = evaluation_runs.compare(measured)
    page = write_runs_report(measured, pairs, output or new_folder("report"))
    print(evaluation_runs.summarize(measured).to_string(index=False))
    if pairs:
        print(evaluation_runs.conclude(measured, pairs))
    print(page)
    if open_report:
        open_in_browser(page)
