"""Page -> the lines of writing on it, each cut out, turned upright and cleaned.

In: (H, W) uint8. Out: `WrittenLine`s, which a model for lines can read, with the map from their pixels to
those of the page. A line is what stands close together: a number or a word; a wide gap begins another one.

The page is turned by its skew, rules are taken out, and connected marks are joined to lines by their sizes
and distances. All sizes are shares of the height of the writing itself, so that small and large writing stand
side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.images.decode import Page
from number_prediction.images.geometry import Affine, Box, Points, box_of, rotation, scaling
from number_prediction.layout.ink import PageInk, draw_ink
from number_prediction.layout.marks import Indices, Marks, Mask, dilate, find_marks, paint
from number_prediction.layout.reading_order import in_reading_order
from number_prediction.layout.rules import remove_rules
from number_prediction.layout.skew import LevelPage, straighten

LINE_PIXELS = 48
"""Height of the writing on a line that is cut out, where the page has as much."""
MARGIN = 0.4
"""Paper around it, as a share of that height."""
LOWEST = 8
"""Pixels of the working size: lower marks are signs and parts of digits, or specks."""
SMALLEST = 0.06
"""Least diameter of a mark on a line, as a share of the line's height: a dot has it, noise has not."""
STRONG = 0.45
"""Least contrast of a small mark, as a share of that of its line."""
GAP, PITCH = 0.6, 1.15
"""Marks belong together that stand this near: paper between them, or from middle to middle."""
RISE = 0.5
"""Most that the middle of one lies above that of the next."""
ALIKE = 0.45
"""Least height of the lower of the two, as a share of the higher."""
BROKEN = 0.1
"""Paper between the upper and the lower part of a broken digit, as a share of the height of both."""
PART = 0.6
"""Height of the highest sign or small part, as a share of the line's."""
BESIDE, OVER, UNDER = 0.55, 0.25, 0.45
"""How far from a digit its signs and parts stand: to the side, above its top, below its foot."""
FLAT = 6.0
"""Times its height: what is wider is no digit and no sign."""
HOLLOW = 0.25
"""Share of its box that a drawn box around other marks fills at most."""
EDGE = 0.33
"""Size of a mark at the page's edge from which it is no writing, as a share of the page's longer side."""
INSIDE = 0.015
"""Height of marks of which a few make what is around them a box, as a share of the page's longer side."""
FILLED = 0.72
"""Share of its box that a blot fills at least, and no digit but a narrow 1."""
LONE_STRONG, LONE_HIGH = 0.5, 0.3
"""Least contrast and height of a mark that stands alone, as shares of the lines': rests of rules are less."""
STEADY = 0.6
"""Heights: a line this long, about, is turned by half of its slope, which is unsure, longer ones by more."""
RULE, RULE_THICK, RULE_GAP = 0.04, 0.004, 0.004
"""Length, thickness and breaks of a rule, as shares of the page's longer side."""


@dataclass(frozen=True, eq=False)
class WrittenLine:
    """A line of writing on a page."""

    picture: Page
    """(h, w) uint8: its marks alone, black on white."""
    to_page: Affine
    """Takes points of the picture to points of the page."""
    corners: Points
    """(4, 2) on the page: clockwise from the upper left of the writing."""
    upright: Box
    """Where it stands on the page as it is when turned upright: lines of one row overlap in height."""

    @property
    def box(self) -> Box:
        """On the page, along its axes."""
        return box_of(self.corners)


def find_lines(page: Page, *, gap: float = GAP) -> tuple[list[WrittenLine], float]:
    """All lines of writing on a page (H, W) uint8, as a person reads them, and the skew in degrees.

    `gap` is the widest space inside a number, in heights of its digits.
    """
    sheet = straighten(page)
    side = max(sheet.darker.shape)
    thickness = max(2, round(RULE_THICK * side))
    clean = remove_rules(
        sheet.mask,
        length=max(40, round(RULE * side)),
        thickness=thickness,
        gap=max(thickness + 1, round(RULE_GAP * side)),
    )
    marks = find_marks(clean)
    strength = marks.sums(sheet.darker) / marks.area
    lines = [_cut(sheet, marks, members) for members in _group(sheet, marks, strength, gap)]
    order = in_reading_order([line.upright for line in lines])
    return [lines[place] for place in order], sheet.skew


def _group(sheet: LevelPage, marks: Marks, strength: NDArray[np.float64], gap: float) -> list[Indices]:
    """Marks and their contrast (M,) -> for each line of writing, the marks on it."""
    wide, tall = marks.right - marks.left, marks.bottom - marks.top
    leaders = np.flatnonzero((tall >= LOWEST) & (wide <= FLAT * tall))
    is_clutter = _is_drawn_around(marks, leaders, max(sheet.darker.shape)) | _is_border(sheet, marks, leaders)
    leaders = leaders[~is_clutter]
    labels = _join(marks, leaders, gap)
    groups = [leaders[labels == label] for label in np.unique(labels)]
    return _without_rests(marks, strength, _attach(marks, strength, groups))


def _without_rests(marks: Marks, strength: NDArray[np.float64], groups: list[Indices]) -> list[Indices]:
    """Without what is left of rules, shadows and stains: marks that stand alone, and are pale or low."""
    if not groups:
        return []
    tall, wide = marks.bottom - marks.top, marks.right - marks.left
    whole = [members for members in groups if len(members) > 1] or groups
    contrast = np.median(np.concatenate([strength[members] for members in whole]))
    high = np.median([tall[members].max() for members in whole])
    is_blot = (marks.area > FILLED * wide * tall) & (2 * np.minimum(wide, tall) > np.maximum(wide, tall))
    can_stand_alone = (strength >= LONE_STRONG * contrast) & (tall >= LONE_HIGH * high) & ~is_blot
    return [members for members in groups if len(members) > 1 or can_stand_alone[members[0]]]


def _is_border(sheet: LevelPage, marks: Marks, leaders: Indices) -> Mask:
    """(K,): whether a leader is large and reaches the page's edge: a table, the edge of a sheet, a shadow."""
    height, width = sheet.ink.darker.shape
    wide, tall = marks.right - marks.left, marks.bottom - marks.top
    is_large = np.zeros(len(marks), bool)
    is_large[leaders] = (np.maximum(wide, tall) > EDGE * max(height, width))[leaders]
    runs = marks.runs_of(is_large)
    ends = np.concatenate(
        [np.stack([x[runs], marks.rows[runs] + 0.5], 1) for x in (marks.starts, marks.stops)]
    )
    x, y = scaling(1 / sheet.ink.factor).after(sheet.to_page)(ends).T
    at_edge = (x < 3) | (y < 3) | (x > width - 3) | (y > height - 3)
    found = np.zeros(len(marks), bool)
    found[np.tile(marks.labels[runs], 2)[at_edge]] = True
    return found[leaders]


def _is_drawn_around(marks: Marks, leaders: Indices, side: int) -> Mask:
    """(K,): whether a leader is a drawn box or the edge of a sheet, in which others of some size stand."""
    left, top, right, bottom = (each[leaders] for each in (marks.left, marks.top, marks.right, marks.bottom))
    found = np.zeros(len(leaders), bool)
    for place in np.flatnonzero(marks.area[leaders] < HOLLOW * (right - left) * (bottom - top)):
        tall = bottom[place] - top[place]
        inside = (left > left[place]) & (right < right[place]) & (top > top[place]) & (bottom < bottom[place])
        heights = (bottom - top)[inside]
        found[place] = (heights > 0.3 * tall).any() or (heights > INSIDE * side).sum() > 2
    return found


def _join(marks: Marks, leaders: Indices, gap: float) -> Indices:
    """(K,): the line of each leader, by a number."""
    left, top, right, bottom = (
        side[leaders].astype(np.float64) for side in (marks.left, marks.top, marks.right, marks.bottom)
    )
    tall, x, y = bottom - top, (left + right) / 2, (top + bottom) / 2
    labels = np.arange(len(leaders))
    for index in range(len(leaders)):
        rest = slice(index + 1, None)
        high = np.maximum(tall[rest], tall[index])
        paper = np.maximum(left[rest], left[index]) - np.minimum(right[rest], right[index])
        between = np.maximum(top[rest], top[index]) - np.minimum(bottom[rest], bottom[index])
        is_beside = (
            (np.minimum(tall[rest], tall[index]) >= ALIKE * high)
            & (np.abs(y[rest] - y[index]) <= RISE * high)
            & ((paper <= gap * high) | (np.abs(x[rest] - x[index]) <= PITCH / GAP * gap * high))
        )
        narrow = np.minimum(right[rest] - left[rest], right[index] - left[index])
        is_broken = (-paper >= 0.5 * narrow) & (between <= BROKEN * (tall[rest] + tall[index]))
        for other in index + 1 + np.flatnonzero(is_beside | is_broken):
            one, two = labels[index], labels[other]
            if one != two:
                labels[labels == max(one, two)] = min(one, two)
    return labels


def _attach(marks: Marks, strength: NDArray[np.float64], groups: list[Indices]) -> list[Indices]:
    """Lines with their signs and small parts; a sign between two lines joins them."""
    if not groups:
        return []
    tall, wide = marks.bottom - marks.top, marks.right - marks.left
    members = np.concatenate(groups)
    owner = np.repeat(np.arange(len(groups)), [len(each) for each in groups])
    height = np.array([np.median(tall[each]) for each in groups])[owner]
    contrast = np.array([np.median(strength[each]) for each in groups])[owner]
    is_free = marks.area >= 3
    is_free[members] = False
    is_free[[each[0] for each in groups if len(each) == 1]] = True
    names = np.arange(len(groups))  # of the lines; joined lines share one
    line_of = np.full(len(marks), -1)
    line_of[members] = owner
    for mark in np.flatnonzero(is_free):
        paper = np.maximum(marks.left[members], marks.left[mark]) - np.minimum(
            marks.right[members], marks.right[mark]
        )
        middle = (marks.top[mark] + marks.bottom[mark]) / 2
        near = np.flatnonzero(
            (paper <= BESIDE * height)
            & (marks.top[mark] >= marks.top[members] - OVER * height)
            & (middle <= marks.bottom[members] + OVER * height)
            & (marks.bottom[mark] <= marks.bottom[members] + UNDER * height)
            & (tall[mark] <= PART * height)
            & (wide[mark] <= 1.1 * height)
            & (marks.area[mark] >= (SMALLEST * height) ** 2)
            & (strength[mark] >= STRONG * contrast)
        )
        if not len(near):
            continue
        nearest = near[np.argmin(paper[near] / height[near])]
        line_of[mark] = owner[nearest]
        for other in near[_are_one_line(marks, members[near], members[nearest])]:
            names[names == names[owner[other]]] = names[owner[nearest]]
    found = np.where(line_of >= 0, names[line_of], -1)
    return [np.flatnonzero(found == name) for name in np.unique(found[found >= 0])]


def _are_one_line(marks: Marks, ones: Indices, other: int) -> Mask:
    """(K,): whether each of K leaders is on the line of the other one, if there is a sign between them."""
    tall, middle = marks.bottom - marks.top, (marks.top + marks.bottom) / 2
    high = np.maximum(tall[ones], tall[other])
    is_alike: Mask = np.minimum(tall[ones], tall[other]) >= ALIKE * high
    is_alike &= np.abs(middle[ones] - middle[other]) <= RISE * high
    return is_alike


def _slope(marks: Marks, members: Indices) -> tuple[float, float]:
    """Degrees by which a line falls to the right, from the middles of its higher marks, and their height."""
    tall = marks.bottom - marks.top
    chosen = members[tall[members] >= 0.5 * tall[members].max()]
    high = float(np.median(tall[chosen]))
    x = (marks.left[chosen] + marks.right[chosen]) / 2
    y = (marks.top[chosen] + marks.bottom[chosen]) / 2
    across, down = x - x.mean(), y - y.mean()
    slope = float((across * down).sum() / ((across**2).sum() + (STEADY * high) ** 2))
    return float(np.degrees(np.arctan(slope))), high


def _cut(sheet: LevelPage, marks: Marks, members: Indices) -> WrittenLine:
    """Cut a line out of the page, turned by its own slope, with no marks but its own."""
    wanted = np.zeros(len(marks), bool)
    wanted[members] = True
    runs = marks.runs_of(wanted)
    rows, starts, stops = marks.rows[runs], marks.starts[runs], marks.stops[runs]
    slope, tall = _slope(marks, members)
    turn = rotation(-slope)
    outline = np.concatenate(
        [np.stack([ends, below], 1) for ends in (starts, stops) for below in (rows, rows + 1)]
    ).astype(np.float64)
    box = box_of(turn(outline))
    step = max(1 / sheet.ink.factor, tall / LINE_PIXELS)
    room = MARGIN * tall
    size = (int(np.ceil((box.width + 2 * room) / step)), int(np.ceil((box.height + 2 * room) / step)))
    to_sheet = turn.inverse.after(Affine(step, 0, box.left - room, 0, step, box.top - room))
    to_page = sheet.to_page.after(to_sheet)
    left, top = int(starts.min()) - 2, int(rows.min()) - 2
    shape = (int(rows.max()) + 3 - top, int(stops.max()) + 2 - left)
    own = paint(rows, starts, stops, shape, (left, top))
    picture = _clean(sheet.ink, own, Affine(1, 0, -left, 0, 1, -top).after(to_sheet), to_page, size)
    corners = sheet.to_page(turn.inverse(box.corners))
    upright = box_of(outline)
    return WrittenLine(picture, to_page, corners, upright)


def _clean(ink: PageInk, own: Mask, to_mask: Affine, to_page: Affine, size: tuple[int, int]) -> Page:
    """Ink of a part of the page within two pixels of a mask, as black on white."""
    near = Image.fromarray(dilate(own).astype(np.uint8) * np.uint8(255))
    near = near.transform(size, Image.Transform.AFFINE, to_mask, Image.Resampling.BILINEAR)
    share = np.asarray(near).astype(np.float32) / np.float32(255)
    return draw_ink(ink.cut(to_page, size), share, ink.threshold)
