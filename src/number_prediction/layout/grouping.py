"""Connected marks -> lines of writing: which marks stand together, and which are not writing.

In: a level page and its marks. Out: for each line, the indices of its marks. Sizes and distances are relative
to the height of the writing, so that small and large writing can stand side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from number_prediction.images.geometry import scaling
from number_prediction.layout.marks import Indices, Marks, Mask
from number_prediction.layout.skew import LevelPage


@dataclass(frozen=True)
class LineLimits:
    """Sizes and distances of marks that stand on one line.

    "Heights" are heights of the digits, "sides" are longer sides of the page, "contrasts" are contrasts of
    the line.
    """

    min_leader_height_px: int = 8
    """Height of the lowest mark that begins a line, in pixels of the working size; a lower mark is a sign, a
    part of a digit or a speck."""
    max_leader_aspect: float = 6.0
    """Width of the widest mark that begins a line, as a multiple of its own height."""
    max_gap_heights: float = 0.6
    """Widest space between neighbours."""
    max_pitch_heights: float = 1.15
    """Widest distance between the middles of neighbours, if their space is wider than `max_gap_heights`."""
    max_rise_heights: float = 0.5
    """Largest vertical distance between the middles of neighbours."""
    min_height_ratio: float = 0.45
    """Height of the lower neighbour as a share of the higher."""
    max_break_heights: float = 0.1
    """Space between the upper and the lower part of a broken digit, as a share of their heights together."""
    min_break_overlap: float = 0.5
    """Horizontal overlap of these parts, as a share of the narrower one."""
    max_sign_height: float = 0.6
    """Height of the highest sign or part, in heights."""
    max_sign_width: float = 1.1
    """Width of the widest sign or part, in heights."""
    max_sign_gap_heights: float = 0.55
    """Distance of a sign or part from a digit, to the side."""
    max_sign_overhang_heights: float = 0.25
    """Distance of a sign or part above the top of a digit, and of its middle below the foot."""
    max_sign_drop_heights: float = 0.45
    """Distance of the foot of a sign below the foot of a digit."""
    min_sign_diameter: float = 0.06
    """Diameter of the smallest sign, in heights: a dot is as large, noise is smaller."""
    min_sign_contrast: float = 0.45
    """Contrast of the palest sign, in contrasts."""
    min_sign_area_px: int = 3
    """Area of the smallest sign, in pixels of the working size."""
    max_frame_fill: float = 0.25
    """Share of its box that a drawn frame around other marks fills at most."""
    min_framed_height: float = 0.3
    """Height of a mark that proves a frame, as a share of the height of the frame."""
    min_framed_height_sides: float = 0.015
    """Height of marks of which three prove a frame, in sides."""
    max_edge_mark_sides: float = 0.33
    """Size of the largest mark at the edge of the page that is writing, in sides."""
    edge_px: int = 3
    """Distance from the edge of the page that counts as at the edge, in pixels of the working size."""
    min_blot_fill: float = 0.72
    """Share of its box that a blot fills at least; of the digits only a narrow 1 fills as much."""
    min_lone_contrast: float = 0.5
    """Contrast of the palest mark that stands alone, in contrasts; remains of rules are paler."""
    min_lone_height: float = 0.3
    """Height of the lowest mark that stands alone, in heights; remains of rules are lower."""


LIMITS = LineLimits()


def group_marks(
    sheet: LevelPage, marks: Marks, strength: NDArray[np.float64], max_gap_heights: float
) -> list[Indices]:
    """Find the marks of each line of writing; `strength` (M,) is the contrast of each mark."""
    wide, tall = marks.right - marks.left, marks.bottom - marks.top
    leaders = np.flatnonzero(
        (tall >= LIMITS.min_leader_height_px) & (wide <= LIMITS.max_leader_aspect * tall)
    )
    side = max(sheet.darker.shape)
    is_clutter = _is_frame(marks, leaders, side) | _is_border(sheet, marks, leaders)
    leaders = leaders[~is_clutter]
    labels = _join(marks, leaders, max_gap_heights)
    groups = [leaders[labels == label] for label in np.unique(labels)]
    return _without_remains(marks, strength, _attach(marks, strength, groups))


def _without_remains(marks: Marks, strength: NDArray[np.float64], groups: list[Indices]) -> list[Indices]:
    """Remove remains of rules, shadows and stains: single marks that are pale, low or blots."""
    if not groups:
        return []
    tall, wide = marks.bottom - marks.top, marks.right - marks.left
    whole = [members for members in groups if len(members) > 1] or groups
    contrast = np.median(np.concatenate([strength[members] for members in whole]))
    high = np.median([tall[members].max() for members in whole])
    is_blot = (marks.area > LIMITS.min_blot_fill * wide * tall) & (
        2 * np.minimum(wide, tall) > np.maximum(wide, tall)
    )
    is_strong = strength >= LIMITS.min_lone_contrast * contrast
    can_stand_alone = is_strong & (tall >= LIMITS.min_lone_height * high) & ~is_blot
    return [members for members in groups if len(members) > 1 or can_stand_alone[members[0]]]


def _is_border(sheet: LevelPage, marks: Marks, leaders: Indices) -> Mask:
    """(K,): whether a leader is large and at the edge of the page: a table, the edge of a sheet, a shadow."""
    height, width = sheet.ink.darker.shape
    wide, tall = marks.right - marks.left, marks.bottom - marks.top
    is_large = np.zeros(len(marks), bool)
    limit = LIMITS.max_edge_mark_sides * max(height, width)
    is_large[leaders] = (np.maximum(wide, tall) > limit)[leaders]
    runs = marks.runs_of(is_large)
    ends = np.concatenate(
        [np.stack([x[runs], marks.rows[runs] + 0.5], 1) for x in (marks.starts, marks.stops)]
    )
    x, y = scaling(1 / sheet.ink.factor).after(sheet.to_page)(ends).T
    edge = LIMITS.edge_px
    at_edge = (x < edge) | (y < edge) | (x > width - edge) | (y > height - edge)
    found = np.zeros(len(marks), bool)
    found[np.tile(marks.labels[runs], 2)[at_edge]] = True
    return found[leaders]


def _is_frame(marks: Marks, leaders: Indices, side: int) -> Mask:
    """(K,): whether a leader is a drawn box or the edge of a sheet, with writing inside."""
    left, top, right, bottom = (each[leaders] for each in (marks.left, marks.top, marks.right, marks.bottom))
    found = np.zeros(len(leaders), bool)
    is_hollow = marks.area[leaders] < LIMITS.max_frame_fill * (right - left) * (bottom - top)
    for place in np.flatnonzero(is_hollow):
        tall = bottom[place] - top[place]
        inside = (left > left[place]) & (right < right[place]) & (top > top[place]) & (bottom < bottom[place])
        heights = (bottom - top)[inside]
        is_high = heights > LIMITS.min_framed_height * tall
        found[place] = is_high.any() or (heights > LIMITS.min_framed_height_sides * side).sum() > 2
    return found


def _join(marks: Marks, leaders: Indices, gap: float) -> Indices:
    """(K,): the number of the line of each leader."""
    left, top, right, bottom = (
        side[leaders].astype(np.float64) for side in (marks.left, marks.top, marks.right, marks.bottom)
    )
    tall, x, y = bottom - top, (left + right) / 2, (top + bottom) / 2
    pitch = LIMITS.max_pitch_heights / LIMITS.max_gap_heights * gap
    labels = np.arange(len(leaders))
    for index in range(len(leaders)):
        rest = slice(index + 1, None)
        high = np.maximum(tall[rest], tall[index])
        paper = np.maximum(left[rest], left[index]) - np.minimum(right[rest], right[index])
        between = np.maximum(top[rest], top[index]) - np.minimum(bottom[rest], bottom[index])
        is_beside = (
            (np.minimum(tall[rest], tall[index]) >= LIMITS.min_height_ratio * high)
            & (np.abs(y[rest] - y[index]) <= LIMITS.max_rise_heights * high)
            & ((paper <= gap * high) | (np.abs(x[rest] - x[index]) <= pitch * high))
        )
        narrow = np.minimum(right[rest] - left[rest], right[index] - left[index])
        is_stacked = -paper >= LIMITS.min_break_overlap * narrow
        is_broken = is_stacked & (between <= LIMITS.max_break_heights * (tall[rest] + tall[index]))
        for other in index + 1 + np.flatnonzero(is_beside | is_broken):
            one, two = labels[index], labels[other]
            if one != two:
                labels[labels == max(one, two)] = min(one, two)
    return labels


def _attach(marks: Marks, strength: NDArray[np.float64], groups: list[Indices]) -> list[Indices]:
    """Add signs and small parts to lines; a sign between two lines joins them."""
    if not groups:
        return []
    tall, wide = marks.bottom - marks.top, marks.right - marks.left
    members = np.concatenate(groups)
    owner = np.repeat(np.arange(len(groups)), [len(each) for each in groups])
    height = np.array([np.median(tall[each]) for each in groups])[owner]
    contrast = np.array([np.median(strength[each]) for each in groups])[owner]
    is_free = marks.area >= LIMITS.min_sign_area_px
    is_free[members] = False
    is_free[[each[0] for each in groups if len(each) == 1]] = True
    names = np.arange(len(groups))  # names of lines; joined lines share a name
    line_of = np.full(len(marks), -1)
    line_of[members] = owner
    for mark in np.flatnonzero(is_free):
        paper = np.maximum(marks.left[members], marks.left[mark]) - np.minimum(
            marks.right[members], marks.right[mark]
        )
        middle = (marks.top[mark] + marks.bottom[mark]) / 2
        near = np.flatnonzero(
            (paper <= LIMITS.max_sign_gap_heights * height)
            & (marks.top[mark] >= marks.top[members] - LIMITS.max_sign_overhang_heights * height)
            & (middle <= marks.bottom[members] + LIMITS.max_sign_overhang_heights * height)
            & (marks.bottom[mark] <= marks.bottom[members] + LIMITS.max_sign_drop_heights * height)
            & (tall[mark] <= LIMITS.max_sign_height * height)
            & (wide[mark] <= LIMITS.max_sign_width * height)
            & (marks.area[mark] >= (LIMITS.min_sign_diameter * height) ** 2)
            & (strength[mark] >= LIMITS.min_sign_contrast * contrast)
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
    """(K,): whether a sign joins each of K leaders and the other one to one line."""
    tall, middle = marks.bottom - marks.top, (marks.top + marks.bottom) / 2
    high = np.maximum(tall[ones], tall[other])
    is_alike: Mask = np.minimum(tall[ones], tall[other]) >= LIMITS.min_height_ratio * high
    is_alike &= np.abs(middle[ones] - middle[other]) <= LIMITS.max_rise_heights * high
    return is_alike
