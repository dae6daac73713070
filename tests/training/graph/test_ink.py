"""Page -> ink: paper of any light, the digit among other marks, blank paper, any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageOps
from scipy import ndimage

from number_prediction.datasets.split import Splits
from number_prediction.training.frames import to_frames
from number_prediction.training.graph.components import CELLS, keep_digit
from number_prediction.training.graph.ink import MAX_SIDE_PX, DigitInkFinder

Page = NDArray[np.uint8]
SIZE = 200


def draw(*, width: int = 10) -> Image.Image:
    """A 2 in the middle of a white page, made of an arc, a diagonal and a foot."""
    page = Image.new("L", (SIZE, SIZE), 255)
    pen = ImageDraw.Draw(page)
    pen.arc([65, 40, 135, 110], 180, 40, fill=0, width=width)
    pen.line([127, 98, 70, 160], fill=0, width=width)
    pen.line([66, 160, 140, 158], fill=0, width=width)
    return page


def frame(page: Image.Image | Page) -> NDArray[np.float64]:
    return to_frames(np.asarray(page, dtype=np.uint8)[np.newaxis])[0] / 255


def likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Cosine of two frames, the first moved by up to a pixel."""
    moved = [np.roll(one, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    size = np.sqrt((one**2).sum() * (other**2).sum() + 1e-12)
    return float(max((each * other).sum() for each in moved) / size)


def photograph(page: Image.Image, *, light: float, dark: float, noise: float, seed: int = 0) -> Page:
    """The page under light that falls from one side to the other, with noise."""
    shade = np.linspace(light, dark, SIZE)[np.newaxis]
    picture = np.asarray(page) / 255 * 0.7 + 0.3
    grain = np.random.default_rng(seed).normal(0, noise, (SIZE, SIZE))
    return np.clip(255 * picture * shade + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("light", "dark", "noise"), [(1.0, 0.5, 0), (0.95, 0.4, 2), (0.6, 0.35, 3), (1, 1, 8)]
)
def test_shadow_and_noise_are_paper(light: float, dark: float, noise: float) -> None:
    found = frame(photograph(draw(), light=light, dark=dark, noise=noise))
    assert likeness(found, frame(draw())) > 0.93


def test_the_edge_of_a_shadow_is_paper() -> None:
    shadowed = np.asarray(draw()).astype(float)
    shadowed[:, 150:] *= 0.6
    assert likeness(frame(shadowed.astype(np.uint8)), frame(draw())) > 0.9


def test_light_that_falls_off_to_all_sides_is_paper() -> None:
    along = np.linspace(-1, 1, SIZE)
    falloff = 1 - 0.5 * (along**2 + along[:, np.newaxis] ** 2) / 2
    picture = np.asarray(draw()) * 0.7 + 70
    grain = np.random.default_rng(0).normal(0, 2, picture.shape)
    assert likeness(frame(np.clip(picture * falloff + grain, 0, 255).astype(np.uint8)), frame(draw())) > 0.93


def rule(
    page: Image.Image, *, spacing: int, width: int, grey: int, squared: bool, tilt: int = 0
) -> Image.Image:
    """The page on ruled or squared paper; lines run `tilt` pixels up or down on their way across."""
    lines = Image.new("L", page.size, 255)
    pen = ImageDraw.Draw(lines)
    for place in range(spacing // 2 - SIZE, 2 * SIZE, spacing):
        pen.line([-1, place, SIZE, place + tilt], fill=grey, width=width)
        if squared:
            pen.line([place, SIZE, place + tilt, -1], fill=grey, width=width)
    return ImageChops.darker(page, lines)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize(("spacing", "width", "grey"), [(50, 1, 120), (33, 2, 170), (60, 4, 90), (45, 3, 0)])
@pytest.mark.parametrize("tilt", [0, 9])
def test_lines_of_the_paper_go_and_the_digit_stays(
    spacing: int, width: int, grey: int, squared: bool, tilt: int
) -> None:
    page = rule(draw(width=14), spacing=spacing, width=width, grey=grey, squared=squared, tilt=tilt)
    assert likeness(frame(page), frame(draw(width=14))) > 0.9
    assert likeness(frame(photograph(page, light=0.95, dark=0.7, noise=2)), frame(draw(width=14))) > 0.87


def test_a_pale_line_through_the_digit_goes_and_a_stroke_across_the_whole_picture_stays() -> None:
    page = draw(width=14)
    crossed = ImageChops.darker(page, rule(page, spacing=4 * SIZE, width=3, grey=150, squared=False))
    pen = ImageDraw.Draw(crossed)
    pen.line([0, 120, SIZE, 122], fill=150, width=3)
    pen.bitmap((0, 0), ImageChops.invert(page), fill=0)
    assert likeness(frame(crossed), frame(page)) > 0.93
    tight = Image.new("L", (SIZE, SIZE), 255)
    seven = [(0, 2), (SIZE, 2), (60, SIZE)]
    ImageDraw.Draw(tight).line(seven, fill=0, width=5)
    roomy = ImageOps.expand(tight, 40, 255)
    assert likeness(frame(tight), frame(roomy)) > 0.9


@pytest.mark.parametrize("width", [2, 6, 10])
def test_the_border_of_a_form_field_goes(width: int) -> None:
    page = draw()
    ImageDraw.Draw(page).rectangle([0, 0, SIZE - 1, SIZE - 1], outline=60, width=width)
    assert likeness(frame(page), frame(draw())) > 0.97


def test_a_box_drawn_around_the_digit_goes() -> None:
    page = draw()
    ImageDraw.Draw(page).rectangle([30, 15, 170, 185], outline=0, width=5)
    assert likeness(frame(page), frame(draw())) > 0.97


def test_light_on_dark_is_the_same() -> None:
    page = np.asarray(draw())
    np.testing.assert_allclose(frame(255 - page), frame(page), atol=2 / 255)


def test_a_digit_that_fills_its_crop_is_not_turned_inside_out(mnist: Splits) -> None:
    """Cut to the ink, so that strokes touch every side, as many data sets are."""
    images = np.asarray(mnist.test.images[:200])
    kept = 0
    for image in images:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        tight = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        kept += likeness(frame(tight), image / 255) > 0.9
    assert kept >= 190


def test_a_bold_digit_that_fills_its_crop_is_ink_though_it_is_the_larger_part() -> None:
    page = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(page).ellipse([0, 0, 63, 63], fill=255)
    ImageDraw.Draw(page).ellipse([20, 14, 44, 50], fill=0)
    assert np.asarray(page).mean() > 150
    assert frame(page)[14, 14] < 0.2  # the hole
    assert frame(page)[14, 6] > 0.8
    assert likeness(frame(page), frame(ImageChops.invert(page))) > 0.99


def test_neighbours_at_the_edge_go_and_the_digit_stays() -> None:
    page = draw()
    pen = ImageDraw.Draw(page)
    pen.arc([-40, 40, 25, 150], 270, 90, fill=0, width=10)  # the right half of a 0
    pen.line([192, 50, 188, 170], fill=0, width=10)  # most of a 1
    pen.line([185, 60, 199, 40], fill=0, width=10)
    pen.line([0, 12, 199, 10], fill=0, width=4)  # a rule
    assert likeness(frame(page), frame(draw())) > 0.97


def test_specks_go_and_a_detached_bar_stays() -> None:
    page = draw()
    ImageDraw.Draw(page).ellipse([20, 20, 26, 26], fill=0)
    assert likeness(frame(page), frame(draw())) > 0.99
    crossed = draw()
    ImageDraw.Draw(crossed).line([75, 172, 125, 172], fill=0, width=6)
    assert likeness(frame(crossed), frame(draw())) < 0.97


def test_two_whole_digits_stay_two() -> None:
    page = Image.new("L", (2 * SIZE, SIZE), 255)
    page.paste(draw(), (0, 0))
    page.paste(draw(), (SIZE - 60, 0))
    assert likeness(frame(page), frame(draw())) < 0.7


@pytest.mark.parametrize("grey", [80, 128, 200, 255])
@pytest.mark.parametrize("noise", [0, 1, 4, 12])
def test_blank_paper_has_no_ink(grey: int, noise: float) -> None:
    paper = np.random.default_rng(1).normal(grey, noise, (150, 120))
    slope = np.linspace(0, 25, 120)
    assert frame(np.clip(paper - slope, 0, 255).astype(np.uint8)).max() == 0


@pytest.mark.parametrize("side", [MAX_SIDE_PX, MAX_SIDE_PX + 1, 2 * MAX_SIDE_PX, 2600])
def test_large_pages_are_reduced_and_read_the_same(side: int) -> None:
    large = draw().resize((side, side), Image.Resampling.BICUBIC)
    ink = DigitInkFinder()(torch.tensor(np.asarray(large))[np.newaxis]).ink
    assert max(ink.shape[1:]) <= MAX_SIDE_PX
    assert likeness(frame(large), frame(draw())) > 0.9


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_ink_of_any_page_is_in_range(height: int, width: int, seed: int) -> None:
    page = np.random.default_rng(seed).integers(0, 256, (2, height, width), np.uint8)
    ink = DigitInkFinder()(torch.tensor(page)).ink
    assert ink.shape == page.shape
    assert ink.dtype == torch.float32
    assert torch.isfinite(ink).all()
    assert ink.min() >= 0
    assert ink.max() <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 2.5), st.floats(0.3, 0.8))
def test_a_component_is_kept_whole(seed: int, smoothness: float, share: float) -> None:
    """On the grid itself, what is kept is a union of connected components, with a cell of room."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((CELLS, CELLS)), smoothness)
    mask = field > np.quantile(field, share)
    kept = keep_digit(torch.tensor(mask, dtype=torch.float32)[np.newaxis, np.newaxis]).cells[0, 0].numpy() > 0
    components, count = ndimage.label(mask, np.ones((3, 3)))
    inside = [bool(kept[components == number].all()) for number in range(1, count + 1)]
    assert any(inside)
    whole = np.isin(components, 1 + np.flatnonzero(inside)) & mask
    assert not (kept & ~ndimage.binary_dilation(whole, np.ones((3, 3)))).any()
