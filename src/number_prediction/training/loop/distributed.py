"""The processes that train one network together: started by torchrun, or a single one.

Each process takes its share of every batch, and gradients are averaged. So all hold the same weights after
each batch. With a single process nothing of torch.distributed is used.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, TypeVar, cast

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from number_prediction.errors import TrainingError

BACKENDS = "cpu:gloo,cuda:nccl"
"""Backends that carry tensors between processes, by device; flags are on the CPU."""

Value = TypeVar("Value")


class ProcessLostError(TrainingError):
    """Other processes of the training cannot be reached, or this one was told to end."""


@dataclass(frozen=True)
class World:
    """The processes of a training, as seen by one of them."""

    rank: int = 0
    """Number of this process, from 0."""
    size: int = 1
    """Number of processes."""
    place: int | None = None
    """Number of this process on its machine, from 0; None for a single process."""
    neighbours: int = 1
    """Number of processes on this machine."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes the run."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """The process's share of `count` rows; shares differ by at most one row."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def require_shares(self, count: int) -> None:
        """Raise TrainingError if a batch of `count` gives a process fewer than two pictures.

        Batch normalisation needs at least two.
        """
        if self.size > 1 and count < 2 * self.size:
            raise TrainingError(
                f"a batch of {count} cannot be shared by {self.size} processes, because each needs at least "
                f"2 pictures: start fewer processes, or use a larger --batch-size or data set"
            )

    @contextmanager
    def noticing_loss(self) -> Iterator[None]:
        """Turn connection errors into ProcessLostError: another process has ended."""
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, torch.distributed.DistError) or "gloo" in str(error):
                _ignore_sigterm()
                raise ProcessLostError(
                    f"process {self.rank} of {self.size} lost its connection: another process has ended"
                ) from error
            raise

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with a backward pass that averages gradients over the processes."""
        return network if self.size == 1 else DistributedDataParallel(network)

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one dtype and device by their means over the processes."""
        if self.size == 1 or not tensors:
            return
        sums = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(sums)
        means = (sums / self.size).split([tensor.numel() for tensor in tensors])  # type: ignore[no-untyped-call]
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def join(self, part: Tensor, count: int) -> Tensor:
        """Gather all `count` rows on every process; each gives its share as `part`."""
        if self.size == 1:
            return part
        whole = part.new_zeros(count, *part.shape[1:])
        whole[self.share(count)] = part
        torch.distributed.all_reduce(whole)
        return whole

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(float(flag))
        torch.distributed.all_reduce(flags)
        return bool(flags)

    def from_main(self, make: Callable[[], Value]) -> Value:
        """The result of `make`, which only the main process calls."""
        if self.size == 1:
            return make()
        held = [make() if self.is_main else None]
        torch.distributed.broadcast_object_list(held)
        return cast("Value", held[0])


ALONE = World()


@contextmanager
def join_world() -> Iterator[World]:
    """Join the processes that torchrun started, for as long as the context lasts.

    Raises:
        ProcessLostError: another process has ended; torchrun then sends SIGTERM to all.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    world = World(
        rank=int(os.environ["RANK"]),
        size=size,
        place=int(os.environ["LOCAL_RANK"]),
        neighbours=int(os.environ["LOCAL_WORLD_SIZE"]),
    )

    def lose(_number: int, _stack: object) -> NoReturn:
        _ignore_sigterm()
        raise ProcessLostError(
            f"process {world.rank} of {size} was told to end, because another process has ended"
        )

    signal.signal(signal.SIGTERM, lose)
    try:
        with world.noticing_loss():
            torch.distributed.init_process_group(BACKENDS if torch.cuda.is_available() else "gloo")
            yield world
            gc.collect()  # a network that still holds the group would keep its threads alive
            torch.distributed.destroy_process_group()
    except BaseException:
        _ignore_sigterm()
        raise
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _ignore_sigterm() -> None:
    """Let this process print its error: torchrun sends SIGTERM to all as soon as one process has ended."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
