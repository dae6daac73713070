"""Records of a training -> a live bar on a terminal, or plain lines on a pipe. On stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from number_prediction.runs.run import Record

Watch: TypeAlias = "bool | Callable[[Record], object] | None"
"""Who sees the records of a training: True shows them on stderr, a function is called with each."""

BATCHES_PER_LINE = 100
"""Batches between two plain lines; each validation gets a line too."""


def show_progress(records: Iterable[Record], console: Console) -> None:
    """Show records as they come."""
    with reporting(console) as report:
        for record in records:
            report(record)


@contextmanager
def watching(progress: Watch) -> Iterator[Callable[[Record], object]]:
    """A function that hands each record to whom `progress` names."""
    if callable(progress):
        yield progress
    elif progress:
        with reporting(Console(stderr=True)) as report:
            yield report
    else:
        yield lambda _: None


@contextmanager
def reporting(console: Console) -> Iterator[Callable[[Record], None]]:
    """A function that shows one record."""
    if not console.is_terminal:
        yield lambda record: _print_line(record, console)
        return
    columns = (TextColumn("{task.percentage:>3.0f}%"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("starting", total=None)
        parts = {"training": "", "validation": ""}

        def update(record: Record) -> None:
            if record.validation_accuracy is not None:
                parts["validation"] = f"validation {100 * record.validation_accuracy:.2f}%  "
            else:
                parts["training"] = f"loss {record.loss:.3f}  {record.images_per_second:,.0f} images/s  "
            description = "".join(parts.values()) + f"{seconds_left(record):.0f} s left"
            progress.update(task, total=record.steps, completed=record.step, description=description)

        yield update


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
    """Remaining time of the training at its mean speed so far."""
    return record.seconds / record.step * (record.steps - record.step)


def _print_line(record: Record, console: Console) -> None:
    if record.validation_accuracy is not None or record.step % BATCHES_PER_LINE == 0:
        console.print(describe(record), highlight=False, soft_wrap=True)
