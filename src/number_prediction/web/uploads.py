"""The body of a request -> the encoded pictures in it.

A body is one picture (`image/*`), a form (multipart/form-data, RFC 7578) with one or more files in the field
`picture`, or JSON with a list of data URLs (RFC 2397) in `pictures`. File names are ignored. The package
`multipart` parses forms.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from email.message import Message

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_content_disposition

from number_prediction.images.formats import FORMATS
from number_prediction.web.limits import Limits
from number_prediction.web.problems import Problem

FIELD = "picture"
"""Name of the form field that holds the pictures."""
FORM_TYPE = "multipart/form-data"
JSON_FIELD, JSON_TYPE = "pictures", "application/json"
"""Name of the list of data URLs in a JSON body, and its media type."""
_MAX_BOUNDARY_CHARACTERS = 70  # RFC 2046


def accepted_types(takes_documents: bool) -> list[str]:
    """Media types of pictures, and of documents if they are taken."""
    return [each.media_type for each in FORMATS if each.is_picture or takes_documents]


def find_pictures(
    body: bytes, content_type: str, content_encoding: str, limits: Limits, *, takes_documents: bool = False
) -> list[bytes]:
    """Return the encoded pictures of a request, in order.

    Raises:
        Problem: no picture, too many, one too large, a malformed form, or another kind of body.
    """
    if content_encoding not in ("", "identity"):
        raise Problem(
            "unsupported-media-type",
            f"the content encoding is {content_encoding!r}; send the body uncompressed",
        )
    header = Message()
    header["content-type"] = content_type
    media_type = header.get_content_type() if content_type else "missing"
    if media_type == FORM_TYPE:
        pictures = list(_parse_form(body, _find_boundary(header), limits))
    elif media_type == JSON_TYPE:
        pictures = _parse_json(body, limits)
    elif media_type.startswith("image/") or media_type in accepted_types(takes_documents):
        pictures = [body] if body else []
    else:
        raise Problem(
            "unsupported-media-type",
            f"the content type is {media_type!r}; send image/*, {FORM_TYPE} or {JSON_TYPE}",
        )
    if not pictures:
        raise Problem("no-picture", f"send a picture as the body or in the form field {FIELD!r}")
    for number, picture in enumerate(pictures, 1):
        if len(picture) > limits.max_picture_bytes:
            raise Problem(
                "picture-too-large",
                f"larger than {limits.max_picture_bytes:,} bytes; send a smaller file",
                picture=number,
            )
    return pictures


def _parse_json(body: bytes, limits: Limits) -> list[bytes]:
    """The pictures of the data URLs in a JSON body."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem("bad-request", f"the body is no JSON ({error}); see RFC 8259") from error
    urls = values.get(JSON_FIELD) if isinstance(values, dict) and len(values) == 1 else None
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise Problem(
            "invalid-value", f'body: send {{"{JSON_FIELD}": [...]}} with a data URL for each picture'
        )
    if len(urls) > limits.max_pictures:
        raise Problem(
            "too-many-pictures",
            f"the request holds more than {limits.max_pictures} pictures; split it into several requests",
        )
    return [_decode_url(url, number) for number, url in enumerate(urls, 1)]


def _decode_url(url: str, number: int) -> bytes:
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise Problem(
            "invalid-value",
            "not the data URL of a picture; send data:image/png;base64,... as canvas.toDataURL gives it",
            picture=number,
        )
    try:
        return base64.b64decode(data, validate=True)
    except ValueError as error:
        raise Problem(
            "invalid-value", f"the data URL is no base64 ({error}); send it whole", picture=number
        ) from error


def _find_boundary(header: Message) -> bytes:
    boundary = header.get_boundary()
    try:
        encoded = (boundary or "").encode("ascii")
    except UnicodeEncodeError:
        encoded = b""
    if not 1 <= len(encoded) <= _MAX_BOUNDARY_CHARACTERS:
        raise Problem(
            "malformed-multipart",
            f"the content type has no boundary of 1 to {_MAX_BOUNDARY_CHARACTERS} ASCII characters; add one",
        )
    return encoded


class _FormParser(PushMultipartParser):  # type: ignore[misc]  # the package has no types
    """Parses a form whose parts all belong to the field FIELD, within the limits."""

    def __init__(self, boundary: bytes, limits: Limits) -> None:
        """Not strict: RFC 2046 allows a preamble. Header values are latin-1, which fits any bytes."""
        super().__init__(boundary, max_header_size=limits.max_part_head_bytes, header_charset="latin-1")
        self._limits = limits
        self._count = 0

    def _create_segment(self, headerlist: list[tuple[str, str]]) -> MultipartSegment:
        """Refuse a part for its number, its head or its name; the parser calls this after each head."""
        self._count += 1
        limits = self._limits
        if self._count > limits.max_pictures:
            raise Problem(
                "too-many-pictures",
                f"the request holds more than {limits.max_pictures} pictures; split it into several requests",
            )
        if sum(len(name) + len(value) for name, value in headerlist) > limits.max_part_head_bytes:
            raise Problem(
                "malformed-multipart",
                f"part {self._count} has over {limits.max_part_head_bytes:,} bytes of headers; send less",
            )
        disposition = dict(headerlist).get("Content-Disposition", "")
        if parse_content_disposition(disposition)[1] != FIELD:
            raise Problem(
                "invalid-value", f"part {self._count} belongs to another form field; name it {FIELD!r}"
            )
        return super()._create_segment(headerlist)


def _parse_form(body: bytes, boundary: bytes, limits: Limits) -> Iterator[bytes]:
    """Yield the content of each part."""
    chunks: list[bytes] = []
    try:
        with _FormParser(boundary, limits) as parser:
            for event in parser.parse(body):
                if isinstance(event, MultipartSegment):
                    chunks = []
                elif event is None:
                    yield b"".join(chunks)
                else:
                    chunks.append(event)
    except MultipartError as error:
        raise Problem("malformed-multipart", f"{error}; send a form as in RFC 7578") from error
