"""Pictures of many requests -> a bounded queue -> a few threads that read them in batches.

A free thread takes everything that is waiting, up to one batch of the model. A single request therefore never
waits for others, and under load the batches grow. The same threads decode the pictures, one at a time as the
reader asks for them, so few are in memory.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from number_prediction.errors import ImageError
from number_prediction.images.decode import Page
from number_prediction.models.model import BATCH_SIZE
from number_prediction.pipeline.rows import Explained, Reader
from number_prediction.web.problems import Problem

Sent: TypeAlias = "bytes | Page"
"""An encoded picture, or a page that is decoded already."""
Answer: TypeAlias = "dict[str, Any] | Explained | ImageError"
"""What a reader returns for one picture, or the error if the picture could not be decoded."""


@dataclass(eq=False)
class _Job:
    pictures: Sequence[Sent]
    read: Reader
    answers: Future[list[Answer]] = field(default_factory=Future)
    is_cancelled: bool = False
    """Whether the request has ended; pictures that are not decoded yet are skipped."""


class ReadingQueue:
    """The waiting pictures, and the threads that read them."""

    def __init__(
        self,
        decode: Callable[[Sent], Page],
        *,
        capacity: int,
        threads: int,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Start the threads.

        Args:
            decode: picture -> page; raises ImageError.
            capacity: largest number of waiting pictures.
            threads: number of batches that are read at the same time.
            on_batch: called with the number of pictures of each batch.
        """
        self._decode = decode
        self._capacity = capacity
        self._on_batch = on_batch
        self._jobs: deque[_Job] = deque()
        self._waiting = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"reading-{index}", daemon=True)
            for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Number of pictures that no thread has taken yet."""
        return self._waiting

    async def read(self, pictures: Sequence[Sent], read: Reader, *, seconds: float) -> list[Answer]:
        """Return the answer of `read` for each picture.

        Raises:
            Problem: the queue is full or closed, or there is no answer after `seconds`.
        """
        job = _Job(pictures, read)
        self._put(job)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(job.answers)
        except TimeoutError as error:
            job.is_cancelled = True
            raise Problem("deadline", f"no answer after {seconds:g} seconds; try again later") from error

    def close(self) -> None:
        """Accept no more pictures, read the waiting ones, and end the threads."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _put(self, job: _Job) -> None:
        with self._changed:
            if self._is_closed or self._waiting + len(job.pictures) > self._capacity:
                raise Problem("overloaded", f"{self._waiting} pictures are already waiting; try again later")
            self._jobs.append(job)
            self._waiting += len(job.pictures)
            self._changed.notify()

    def _work(self) -> None:
        while (jobs := self._take()) is not None:
            wanted = [job for job in jobs if job.answers.set_running_or_notify_cancel()]
            if not wanted:
                continue
            try:
                answers = self._read_jobs(wanted)
            except Exception as error:  # every waiting request gets the error, and the thread continues
                for job in wanted:
                    job.answers.set_exception(error)
                continue
            begin = 0
            for job in wanted:
                job.answers.set_result(answers[begin : begin + len(job.pictures)])
                begin += len(job.pictures)

    def _take(self) -> list[_Job] | None:
        """Return the jobs of the next batch, or None if the queue is closed; one job may be any size."""
        with self._changed:
            while not self._jobs:
                if self._is_closed:
                    return None
                self._changed.wait()
            jobs = [self._jobs.popleft()]
            size = len(jobs[0].pictures)
            while (
                self._jobs
                and self._jobs[0].read is jobs[0].read
                and size + len(self._jobs[0].pictures) <= BATCH_SIZE
            ):
                jobs.append(self._jobs.popleft())
                size += len(jobs[-1].pictures)
            self._waiting -= size
            return jobs

    def _read_jobs(self, jobs: Sequence[_Job]) -> list[Answer]:
        """Return the answers for all pictures of jobs that have the same reader."""
        pictures = [(job, picture) for job in jobs for picture in job.pictures]
        errors: dict[int, ImageError] = {}

        def pages() -> Iterator[Page]:
            for index, (job, picture) in enumerate(pictures):
                try:
                    if job.is_cancelled:
                        raise ImageError("the request was cancelled")
                    page = self._decode(picture)
                except ImageError as error:
                    errors[index] = error
                else:
                    yield page

        self._on_batch(len(pictures))
        answers = iter(list(jobs[0].read(pages())))
        return [errors[index] if index in errors else next(answers) for index in range(len(pictures))]
