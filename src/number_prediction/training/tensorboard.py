"""Records of a training -> TensorBoard event files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from number_prediction.runs.run import Record

_AXES = ("step", "steps", "epoch", "seconds")


def log_to_tensorboard(records: Iterable[Record], folder: Path) -> Iterator[Record]:
    """Write each record's values to event files in `folder`, then pass the record on."""
    with SummaryWriter(folder) as writer:
        for record in records:
            for name, value in asdict(record).items():
                if name not in _AXES and value is not None:
                    writer.add_scalar(name, value, record.step)
            yield record
