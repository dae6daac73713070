"""The body of a request -> the encoded pictures in it.

A body is one picture (`image/*`) or a form (multipart/form-data, RFC 7578) with one or many files in the
field `picture`. Names of files are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

from number_prediction.web.middleware.limits import Limits
from number_prediction.web.problems import Problem

FIELD = "picture"
PICTURE_TYPES = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/bmp",
    "image/gif",
    "image/tiff",
    "image/heic",
)
"""Media types that are named in the documentation; what a picture is, its content says."""
FORM_TYPE = "multipart/form-data"
_MAX_PART_HEAD = 8192
_MAX_BOUNDARY = 70  # RFC 2046


def find_pictures(body: bytes, content_type: str, content_encoding: str, limits: Limits) -> list[bytes]:
    """The pictures of a request, in order, still encoded.

    Raises:
        Problem: none, too many, of too many bytes, in a damaged form, or something else.
    """
    if content_encoding not in ("", "identity"):
        raise Problem(
            "unsupported-media-type", f"content encoding {content_encoding!r}; send the body as it is"
        )
    header = Message()
    header["content-type"] = content_type
    media_type = header.get_content_type() if content_type else "nothing"
    if media_type == FORM_TYPE:
        pictures = list(_pictures_of_form(body, _boundary(header), limits))
    elif media_type.startswith("image/"):
        pictures = [body] if body else []
    else:
        raise Problem("unsupported-media-type", f"content type {media_type!r}; send image/* or {FORM_TYPE}")
    if not pictures:
        raise Problem("no-picture", f"send a picture as the body, or in the field {FIELD!r} of a form")
    for number, picture in enumerate(pictures, 1):
        if len(picture) > limits.picture_bytes:
            raise Problem(
                "picture-too-large",
                f"more than {limits.picture_bytes:,} bytes; save it smaller",
                picture=number,
            )
    return pictures


def _boundary(header: Message) -> bytes:
    boundary = header.get_boundary()
    try:
        encoded = (boundary or "").encode("ascii")
    except UnicodeEncodeError:
        encoded = b""
    if not 1 <= len(encoded) <= _MAX_BOUNDARY:
        raise Problem(
            "malformed-multipart", f"the content type names no boundary of 1 to {_MAX_BOUNDARY} signs"
        )
    return encoded


def _pictures_of_form(body: bytes, boundary: bytes, limits: Limits) -> Iterator[bytes]:
    """What stands between the boundaries (RFC 2046, 5.1.1)."""
    chunks = (b"\r\n" + body).split(b"\r\n--" + boundary, limits.pictures + 2)
    if len(chunks) == 1:
        raise Problem("malformed-multipart", "the boundary of the content type is not in the body")
    for number, chunk in enumerate(chunks[1:], 1):
        if chunk.startswith(b"--"):
            return
        if number > limits.pictures:
            raise Problem("too-many-pictures", f"more than {limits.pictures} in one request; send several")
        line, _, part = chunk.partition(b"\r\n")
        head, separator, content = part.partition(b"\r\n\r\n")
        if line.strip(b" \t") or not separator or len(head) > _MAX_PART_HEAD:
            raise Problem("malformed-multipart", f"part {number} has no head, or one that is too long")
        name = message_from_bytes(head).get_param("name", None, "content-disposition")
        if name != FIELD:
            raise Problem("invalid-value", f"part {number} is not called {FIELD!r}")
        yield content
    raise Problem("malformed-multipart", "the body ends before its last boundary")
