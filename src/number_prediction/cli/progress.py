"""Records of a training -> what a person sees: a live bar on a terminal, plain lines on a pipe. On stderr."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from number_prediction.runs.run import Record

LINE_EVERY = 100
"""Batches between two plain lines, besides those of validations."""


def show_progress(records: Iterable[Record], console: Console) -> None:
    """Show records as they come."""
    if console.is_terminal:
        _show_bar(records, console)
    else:
        for record in records:
            if record.validation_accuracy is not None or record.step % LINE_EVERY == 0:
                console.print(describe(record), highlight=False, soft_wrap=True)


def describe(record: Record) -> str:
    """One record in words."""
    if record.validation_accuracy is not None:
        return (
            f"epoch {record.epoch:.1f}: validation accuracy {100 * record.validation_accuracy:.2f}%, "
            f"loss {record.validation_loss:.4f}, after {record.seconds:.1f} s"
        )
    return (
        f"batch {record.step}/{record.steps}: loss {record.loss:.4f}, "
        f"{record.images_per_second:,.0f} images/s, {seconds_left(record):.0f} s left"
    )


def seconds_left(record: Record) -> float:
    """Time that the rest of the training takes at its mean speed so far."""
    return record.seconds / record.step * (record.steps - record.step)


def _show_bar(records: Iterable[Record], console: Console) -> None:
    columns = (TextColumn("{task.percentage:>3.0f}%"), BarColumn(), TextColumn("{task.description}"))
    training = validation = ""
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("starting", total=None)
        for record in records:
            if record.validation_accuracy is not None:
                validation = f"validation {100 * record.validation_accuracy:.2f}%  "
            else:
                training = f"loss {record.loss:.3f}  {record.images_per_second:,.0f} images/s  "
            description = f"{training}{validation}{seconds_left(record):.0f} s left"
            progress.update(task, total=record.steps, completed=record.step, description=description)
