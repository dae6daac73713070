"""A Ray session: connected to a cluster, or started on this machine for one command."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from number_prediction.errors import ClusterError, MissingExtraError, NumberPredictionError

LOCAL = "local"
"""The address that means: start Ray on this machine only, and end it with the batch."""
CONNECT_TIMEOUT_S = 10
START_ATTEMPTS = 3
"""Ray gives its helpers 15 s to start, which is too short on a busy machine."""
STDERR_HANDLE = 2


@contextlib.contextmanager
def connected(address: str, workers: int | None) -> Iterator[int]:
    """Connect to Ray, or start it, unless this process is connected already; gives the number of workers."""
    for name, value in _environment(address).items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error, "cluster") from error
    is_new = not ray.is_initialized()
    if is_new:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        _start(workers) if address == LOCAL else _connect(address)
    try:
        yield workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if is_new:
            ray.shutdown(wait_for_processes=True)


def _environment(address: str) -> dict[str, str]:
    """Environment variables that Ray reads when it is imported."""
    quiet = {
        "RAY_BACKEND_LOG_LEVEL": "fatal",
        "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # logs of dying workers would stand among the rows on stdout
    }
    if address != LOCAL:
        return quiet
    return quiet | {
        "RAY_USAGE_STATS_ENABLED": "0",  # Ray reports nothing to its makers
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray listens on localhost only, on Linux too
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),  # only this process and its workers know it
    }


def _start(workers: int | None) -> None:
    """Start Ray on this machine; it ends with this process at the latest."""
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            _initialize(LOCAL, num_cpus=workers, include_dashboard=False)
            return
        except Exception as error:  # the errors that Ray raises here share no base class
            if attempt == START_ATTEMPTS:
                raise ClusterError(f"Ray does not start on this machine ({error}); try again") from error


def _connect(address: str) -> None:
    """Connect to a running cluster."""
    try:
        host, _, port = address.rpartition(":")
        if port.isdecimal():  # Ray itself would try for minutes
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
        _initialize(address)
    except Exception as error:  # as above
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error}); check the address, or read on this "
            "machine without --address"
        ) from error


def _initialize(address: str, **options: Any) -> None:
    import ray

    try:
        with _no_stderr():
            ray.init(address, logging_level=logging.CRITICAL, log_to_driver=False, **options)
    except BaseException:
        ray.shutdown(wait_for_processes=True)
        raise


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Drop what other code than Python writes to stderr: Ray would say that it was told to be quiet."""
    usual = os.dup(STDERR_HANDLE)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), STDERR_HANDLE)
    try:
        yield
    finally:
        os.dup2(usual, STDERR_HANDLE)
        os.close(usual)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn errors of Ray into errors of this package."""
    from ray.data.exceptions import ExecutionTimeoutError
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, NumberPredictionError):
            message, *_ = str(error.cause).splitlines()  # Ray adds its own advice
            raise type(error.cause)(message) from error
        raise ClusterError(f"a worker of the cluster failed: {error.cause!r}; read again") from error
    except (RayError, ExecutionTimeoutError) as error:
        raise ClusterError(f"the cluster failed: {error}; check its nodes, and read again") from error
