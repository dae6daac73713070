"""The processes that train one network together: those that torchrun has started, or one alone.

Of each batch every process takes its share, and gradients are averaged, so that all hold the same weights
after each batch. Alone, nothing here does anything, and nothing of torch.distributed is touched.
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
"""What carries tensors between processes, by the device that they are on; flags are on the CPU."""

Value = TypeVar("Value")


class ProcessLostError(TrainingError):
    """The other processes of a training cannot be reached, or this one was told to end."""


@dataclass(frozen=True)
class World:
    """The processes of a training, as one of them sees them."""

    rank: int = 0
    """Of this process, from 0."""
    size: int = 1
    """Processes."""
    place: int | None = None
    """Of this process among those on its machine, from 0; None where it is alone."""
    neighbours: int = 1
    """Processes on this machine."""

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes the run."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of `count` rows are this process's; the shares differ by one row at most."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def require_shares(self, count: int) -> None:
        """Raise TrainingError where a batch of `count` leaves a process less than two pictures.

        Batch normalisation has no statistics of one.
        """
        if self.size > 1 and count < 2 * self.size:
            raise TrainingError(
                f"a batch of {count} cannot be shared by {self.size} processes, of which each takes at least "
                f"2 pictures: start fewer processes, or take a larger --batch-size or data set"
            )

    @contextmanager
    def noticing_loss(self) -> Iterator[None]:
        """Turn the error of a connection to another process that is gone into ProcessLostError."""
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, torch.distributed.DistError) or "gloo" in str(error):
                _ignore_sigterm()
                raise ProcessLostError(
                    f"process {self.rank} of {self.size} lost the others: one has ended"
                ) from error
            raise

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network whose backward pass leaves the gradients' mean over the processes."""
        return network if self.size == 1 else DistributedDataParallel(network)

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one dtype and device by their means over the processes."""
        if self.size == 1:
            return
        sums = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(sums)
        means = (sums / self.size).split([tensor.numel() for tensor in tensors])  # type: ignore[no-untyped-call]
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def join(self, part: Tensor, count: int) -> Tensor:
        """All `count` rows, of which each process has its share as `part`, on every process."""
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
        """What `make` returns in the main process, where alone it is called."""
        if self.size == 1:
            return make()
        held = [make() if self.is_main else None]
        torch.distributed.broadcast_object_list(held)
        return cast("Value", held[0])


ALONE = World()


@contextmanager
def join_world() -> Iterator[World]:
    """The world that torchrun has started this process in, to be left with the context.

    Raises:
        ProcessLostError: another process has ended, or SIGTERM came, by which torchrun ends all when one has.
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
            f"process {world.rank} of {size} was told to end, as all are when one has ended"
        )

    signal.signal(signal.SIGTERM, lose)
    try:
        with world.noticing_loss():
            torch.distributed.init_process_group(BACKENDS if torch.cuda.is_available() else "gloo")
            yield world
            gc.collect()  # a network that still holds the group would keep its threads to the very end
            torch.distributed.destroy_process_group()
    except BaseException:
        _ignore_sigterm()
        raise
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _ignore_sigterm() -> None:
    """Let a process that ends say why: torchrun sends SIGTERM to all as soon as one has ended."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
