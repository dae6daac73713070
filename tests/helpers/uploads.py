"""Uploads that a server must survive, by name, and random changes of them."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

ORIENTATION = 0x0112  # the EXIF tag
OK, BAD_FORM, TOO_LARGE, UNSUPPORTED, DAMAGED = 200, 400, 413, 415, 422
UNREADABLE = (UNSUPPORTED, DAMAGED)
PNG, FORM = "image/png", "multipart/form-data; boundary=cut"


@dataclass(frozen=True)
class Upload:
    """A body for /api/digits and the statuses that are right for it."""

    body: bytes
    statuses: tuple[int, ...]
    content_type: str | None = PNG
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        return self.headers | ({} if self.content_type is None else {"content-type": self.content_type})


def seven(width: int = 100, height: int = 140) -> Image.Image:
    picture = Image.new("L", (width, height), 255)
    points = [(0.22, 0.2), (0.78, 0.2), (0.44, 0.81)]
    line = [(x * width, y * height) for x, y in points]
    ImageDraw.Draw(picture).line(line, fill=0, width=max(1, width // 11), joint="curve")
    return picture


def encode(picture: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, file_format, **options)
    return stream.getvalue()


def png(width: int, height: int, pixels: bytes, *, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG that claims a size, whatever its pixels are."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def part(content: bytes, *, name: str = "picture", file_name: str = "a.png", kind: str = PNG) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"'
    return f"--cut\r\n{disposition}\r\nContent-Type: {kind}\r\n\r\n".encode("latin-1") + content + b"\r\n"


def form(*contents: bytes, **options: str) -> bytes:
    return b"".join(part(content, **options) for content in contents) + b"--cut--\r\n"


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        opened.writestr("seven.png", encode(seven()))
    return stream.getvalue()


def float_tiff(value: float) -> bytes:
    values = np.asarray(seven(), np.float32) / 255
    values[0, 0] = value
    return encode(Image.fromarray(values), "TIFF")


def named_uploads() -> dict[str, Upload]:
    """All of them; the harmless ones too, which must be read."""
    picture = seven()
    whole, jpeg = encode(picture), encode(picture, "JPEG")
    uploads: dict[str, Upload] = {
        "empty": Upload(b"", (BAD_FORM,)),
        "one byte": Upload(b"\x89", UNREADABLE),
        "signature alone": Upload(whole[:8], UNREADABLE),
        "zeros": Upload(bytes(1000), UNREADABLE),
        "bomb of 30000x30000 in a few bytes": Upload(png(30000, 30000, b"\0"), (TOO_LARGE,)),
        "bomb of 10000x10000": Upload(png(10000, 10000, bytes(10000 * 1251), depth=1), (TOO_LARGE,)),
        "bomb of 2**31 x 2**31": Upload(png(2**31 - 1, 2**31 - 1, b"\0"), (TOO_LARGE, *UNREADABLE)),
        "width 0": Upload(png(0, 10, b"\0"), UNREADABLE),
        "height 0": Upload(png(10, 0, b"\0"), UNREADABLE),
        "both 0": Upload(png(0, 0, b"\0"), UNREADABLE),
        "depth 3": Upload(png(10, 10, bytes(110), depth=3), UNREADABLE),
        "too many bytes": Upload(whole + bytes(10 * 2**20), (TOO_LARGE,)),
        "svg": Upload(b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>', (UNSUPPORTED,)),
        "svg by type": Upload(b"<svg/>", (UNSUPPORTED,), "image/svg+xml"),
        "html": Upload(b"<!doctype html><script>alert(1)</script>", (UNSUPPORTED,)),
        "html by type": Upload(b"<html></html>", (UNSUPPORTED,), "text/html"),
        "pdf": Upload(b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF", (UNSUPPORTED,)),
        "pdf by type": Upload(b"%PDF-1.7\n", (UNSUPPORTED,), "application/pdf"),
        "zip": Upload(archive(), (UNSUPPORTED,)),
        "eps": Upload(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", (UNSUPPORTED,)),
        "ppm": Upload(b"P6 2 2 255\n" + bytes(12), (UNSUPPORTED,)),
        "elf": Upload(b"\x7fELF\x02\x01\x01" + bytes(57), (UNSUPPORTED,)),
        "png and zip in one": Upload(whole + archive(), (OK,)),
        "gif and script in one": Upload(b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)//", (OK, *UNREADABLE)),
        "pdf before a png": Upload(b"%PDF-1.7\n" + whole, (UNSUPPORTED,)),
        "jpeg under the name of a png": Upload(jpeg, (OK,)),
        "cmyk": Upload(encode(picture.convert("CMYK"), "JPEG"), (OK,), "image/jpeg"),
        "palette": Upload(encode(picture.convert("P")), (OK,)),
        "one bit": Upload(encode(picture.convert("1")), (OK,)),
        "transparent": Upload(encode(picture.convert("RGBA")), (OK,)),
        "16 bits": Upload(encode(Image.fromarray(np.asarray(picture, np.uint16) * 257)), (OK,)),
        "float": Upload(float_tiff(1.0), (OK,), "image/tiff"),
        "nan": Upload(float_tiff(float("nan")), (DAMAGED,), "image/tiff"),
        "infinity": Upload(float_tiff(float("inf")), (DAMAGED,), "image/tiff"),
        "animated": Upload(
            encode(picture, "GIF", save_all=True, append_images=[seven(), picture.rotate(90)]),
            (OK,),
            "image/gif",
        ),
        "webp": Upload(encode(picture, "WEBP"), (OK,), "image/webp"),
        "bmp": Upload(encode(picture, "BMP"), (OK,), "image/bmp"),
        "one pixel": Upload(encode(Image.new("L", (1, 1))), (OK,)),
        "one row of 20000": Upload(encode(Image.new("L", (20000, 1))), (OK,)),
        "no content type": Upload(whole, (UNSUPPORTED,), None),
        "text": Upload(whole, (UNSUPPORTED,), "text/plain"),
        "octets": Upload(whole, (UNSUPPORTED,), "application/octet-stream"),
        "json without pictures": Upload(b'{"picture": NaN}', (DAMAGED,), "application/json"),
        "urlencoded": Upload(b"picture=1", (UNSUPPORTED,), "application/x-www-form-urlencoded"),
        "broken content type": Upload(whole, (UNSUPPORTED,), ";;/=;,"),
        "content type of 5 kB": Upload(whole, (UNSUPPORTED,), "a/" + "b" * 5000),
        "gzip body": Upload(gzip.compress(whole), (UNSUPPORTED,), PNG, {"content-encoding": "gzip"}),
        "gzip without a word": Upload(gzip.compress(whole), (UNSUPPORTED,)),
        "form of one": Upload(form(whole), (OK,), FORM),
        "form of two": Upload(form(whole, jpeg), (OK,), FORM),
        "form without a boundary": Upload(form(whole), (BAD_FORM,), "multipart/form-data"),
        "form with another boundary": Upload(form(whole), (BAD_FORM,), "multipart/form-data; boundary=saw"),
        "form with an empty boundary": Upload(form(whole), (BAD_FORM,), 'multipart/form-data; boundary=""'),
        "form with a boundary of 5 kB": Upload(form(whole), (BAD_FORM,), f"{FORM}{'x' * 5000}"),
        "form without an end": Upload(form(whole)[:-8], (BAD_FORM,), FORM),
        "form of nothing": Upload(b"--cut--\r\n", (BAD_FORM,), FORM),
        "form with an empty body": Upload(b"", (BAD_FORM,), FORM),
        "form with line feeds alone": Upload(form(whole).replace(b"\r\n", b"\n"), (BAD_FORM,), FORM),
        "form without heads": Upload(b"--cut\r\n" + whole + b"\r\n--cut--", (BAD_FORM,), FORM),
        "form with a head of 1 MB": Upload(form(whole, file_name="x" * 10**6), (BAD_FORM,), FORM),
        "form with another field": Upload(form(whole, name="file"), (DAMAGED,), FORM),
        "form with a nameless field": Upload(b"--cut\r\nA: b\r\n\r\nc\r\n--cut--", (DAMAGED,), FORM),
        "form with an empty file": Upload(form(b""), (DAMAGED,), FORM),
        "form with one of two damaged": Upload(form(whole, whole[:60]), UNREADABLE, FORM),
        "form of 1,500 parts": Upload(form(*[b""] * 1500), (TOO_LARGE,), FORM),
        "form of 100,000 boundaries": Upload(b"--cut\r\n" * 100_000, (BAD_FORM,), FORM),
        "form with blanks after a boundary": Upload(
            form(whole).replace(b"--cut\r\n", b"--cut \t\r\n"), (BAD_FORM,), FORM
        ),
        "form with a part of the wrong length": Upload(
            form(whole).replace(b"Content-Type", b"Content-Length: 3\r\nContent-Type"), (BAD_FORM,), FORM
        ),
        "form with many headers": Upload(
            form(whole).replace(b"Content-Type", b"A: b\r\n" * 100 + b"Content-Type"), (BAD_FORM,), FORM
        ),
        "form in a form": Upload(form(form(whole)), (BAD_FORM, *UNREADABLE), FORM),
        "name with ../../": Upload(form(whole, file_name="../../../../etc/passwd"), (OK,), FORM),
        "name with NUL": Upload(form(whole, file_name="a\0.png"), (OK,), FORM),
        "name with a bell": Upload(form(whole, file_name="\x07\xff\xfe"), (OK,), FORM),
        "html in a part": Upload(form(b"<html>", kind="text/html"), (UNSUPPORTED,), FORM),
        "jpeg with two starts": Upload(jpeg[:2] + jpeg, (OK, *UNREADABLE), "image/jpeg"),
        "tiff whose directory is its own next": Upload(
            struct.pack("<2sHIHI", b"II", 42, 8, 0, 8), UNREADABLE, "image/tiff"
        ),
        "tiff whose directory is outside": Upload(
            struct.pack("<2sHI", b"II", 42, 2**31), UNREADABLE, "image/tiff"
        ),
        "heic in name only": Upload(
            struct.pack(">I4s4s", 24, b"ftyp", b"heic") + bytes(12), UNREADABLE, "image/heic"
        ),
        "bmp of negative size": Upload(
            b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, -5, -5, 1, 24, 0, 0, 0, 0, 0, 0),
            (TOO_LARGE, *UNREADABLE),
            "image/bmp",
        ),
    }
    for percent in range(5, 100, 5):
        content = whole[: len(whole) * percent // 100]
        uploads[f"png cut off at {percent}%"] = Upload(content, UNREADABLE)
    for orientation in range(10):  # 1 to 8 mean something
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        content = encode(picture, "JPEG", exif=exif)
        uploads[f"orientation {orientation}"] = Upload(content, (OK,), "image/jpeg")
    return uploads


def mutants(count: int, seed: int) -> Iterator[Upload]:
    """Random changes of readable uploads: bytes turned, cut out, doubled, overwritten, mixed."""
    random_source = random.Random(seed)
    picture = seven(28, 40)
    kinds = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
    originals = [(encode(picture, kind), f"image/{kind.lower()}") for kind in kinds]
    originals.append((encode(picture, "TIFF", compression="tiff_lzw"), "image/tiff"))
    originals.append((encode(picture.convert("RGBA")), PNG))
    originals.append((form(originals[0][0], originals[1][0]), FORM))
    for _ in range(count):
        content, content_type = random_source.choice(originals)
        changed = bytearray(content)
        for _ in range(random_source.choice((1, 1, 2, 4, 16))):
            _change(changed, random_source, originals)
        yield Upload(bytes(changed), (), content_type)


def _change(content: bytearray, random_source: random.Random, originals: list[tuple[bytes, str]]) -> None:
    if not content:
        return
    begin = random_source.randrange(len(content))
    end = min(len(content), begin + random_source.choice((1, 2, 4, 50)))
    kind = random_source.randrange(6)
    if kind == 0:
        content[begin] ^= 1 << random_source.randrange(8)
    elif kind == 1:
        content[begin] = random_source.choice((0, 1, 127, 128, 254, 255))
    elif kind == 2:
        del content[begin:end]
    elif kind == 3:
        content[begin:begin] = content[begin:end]
    elif kind == 4:
        content[begin:end] = random_source.choice((b"\0", b"\xff")) * (end - begin)
    else:
        other, _ = random_source.choice(originals)
        content[begin:] = other[begin:]


PICTURE = encode(seven())
"""PNG of a seven."""
HEADERS = {"content-type": PNG}
"""Headers of a request with PICTURE."""
