"""All limits of the server. Each field is an option of `serve` and an environment variable.

For example, `max_pictures` is `--max-pictures` and NUMBER_PREDICTION_MAX_PICTURES. `serve --help` lists
the options without the extra `web`, because this module imports no package.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KIBIBYTE = 2**10
MEBIBYTE = 2**20
_PREFIX = "NUMBER_PREDICTION_"


def _int(default: int, text: str) -> int:
    value: int = field(default=default, metadata={"help": text, "min": 1})
    return value


def _seconds(default: float, text: str) -> float:
    value: float = field(default=default, metadata={"help": text, "min": 0})
    return value


@dataclass(frozen=True)
class Limits:
    """What the server accepts; it refuses requests that are larger, slower or more than this."""

    max_picture_bytes: int = _int(10 * MEBIBYTE, "Largest picture, in bytes.")
    max_picture_pixels: int = _int(25_000_000, "Largest picture, in pixels; checked before decoding.")
    max_pictures: int = _int(100, "Most pictures in one request.")
    max_pages: int = _int(50, "Most pages of PDF and TIFF files in one request.")
    max_request_bytes: int = _int(32 * MEBIBYTE, "Largest request body with pictures, in bytes.")
    max_json_bytes: int = _int(6 * MEBIBYTE, "Largest request body without pictures, in bytes.")
    max_part_head_bytes: int = _int(8 * KIBIBYTE, "Largest headers of a part of a form, in bytes.")
    max_head_bytes: int = _int(32 * KIBIBYTE, "Largest headers of a request, in bytes.")
    max_buffered_bytes: int = _int(256 * MEBIBYTE, "Largest sum of all request bodies in memory, in bytes.")
    max_requests: int = _int(1000, "Most requests in progress, including those being received.")
    max_queued_pictures: int = _int(256, "Most pictures waiting to be read; above, the status is 503.")
    max_head_seconds: float = _seconds(4.0, "Longest time to receive the headers, in seconds.")
    max_body_seconds: float = _seconds(4.0, "Longest time to receive a slow body, in seconds.")
    max_fast_body_seconds: float = _seconds(60.0, "Longest time to receive a fast body, in seconds.")
    fast_bytes_per_second: int = _int(50_000, "Speed from which a body counts as fast, in bytes per second.")
    max_answer_seconds: float = _seconds(10.0, "Longest time from request to answer, in seconds.")
    max_send_seconds: float = _seconds(60.0, "Longest time to send 64 KiB of an answer, in seconds.")
    max_idle_seconds: int = _int(5, "Longest time that an idle connection stays open, in seconds.")
    max_stop_seconds: int = _int(30, "Longest time to finish requests when the server stops, in seconds.")
    max_correction_bytes: int = _int(3 * MEBIBYTE, "Largest picture of a correction, in bytes.")
    max_correction_pixels: int = _int(4_000_000, "Largest picture of a correction, in pixels.")
    max_strokes_bytes: int = _int(MEBIBYTE, "Largest pen strokes of a correction, in bytes of JSON.")
    max_prediction_bytes: int = _int(64 * KIBIBYTE, "Largest prediction of a correction, in bytes of JSON.")
    max_corrections_bytes: int = _int(1024 * MEBIBYTE, "Largest file of corrections, in bytes.")


def environment_variable(name: str) -> str:
    """The environment variable that sets a field of Limits."""
    return _PREFIX + name.upper()
