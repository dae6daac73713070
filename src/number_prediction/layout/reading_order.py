"""Boxes on a straightened page -> their reading order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from number_prediction.images.geometry import Box

MIN_COLUMN_GAP_HEIGHTS = 1.5
"""Narrowest gap between columns, in heights of the writing."""
MIN_TABLE_SHARE = 0.7
"""Share of the lines of one column that stand beside a line of the other, from which it is a table."""


def in_reading_order(boxes: Sequence[Box]) -> list[int]:
    """Sort the boxes on a straightened page as a person reads them; returns their indices.

    Columns of independent lines are read one after the other; columns of a table are read row by row.
    (Recursive cuts in two, as by Nagy and Seth, 1984.)
    """
    return list(_order(list(range(len(boxes))), boxes))


def _order(places: list[int], boxes: Sequence[Box]) -> Iterator[int]:
    if len(places) < 2:
        yield from places
        return
    high = float(np.median([boxes[place].height for place in places]))
    for gap, parts in _cuts(places, [(boxes[place].left, boxes[place].right) for place in places]):
        if gap >= MIN_COLUMN_GAP_HEIGHTS * high and not _is_table(*parts, boxes):
            yield from _order(parts[0], boxes)
            yield from _order(parts[1], boxes)
            return
    for _, parts in _cuts(places, [(boxes[place].top, boxes[place].bottom) for place in places])[:1]:
        yield from _order(parts[0], boxes)
        yield from _order(parts[1], boxes)
        return
    yield from _by_rows(places, boxes)


def _cuts(
    places: list[int], spans: list[tuple[float, float]]
) -> list[tuple[float, tuple[list[int], list[int]]]]:
    """Find the gaps that no span crosses, with the places on both sides; widest first."""
    ordered = sorted(range(len(places)), key=lambda index: spans[index])
    found = []
    reach = spans[ordered[0]][1]
    for count, index in enumerate(ordered[1:], 1):
        begin, end = spans[index]
        if begin > reach:
            sides = ([places[i] for i in ordered[:count]], [places[i] for i in ordered[count:]])
            found.append((begin - reach, sides))
        reach = max(reach, end)
    return sorted(found, key=lambda cut: -cut[0])


def _is_table(one: list[int], other: list[int], boxes: Sequence[Box]) -> bool:
    """Return whether most lines of the shorter side stand beside a line of the other side."""
    few, many = sorted((one, other), key=len)
    beside = sum(any(_share_row(boxes[a], boxes[b]) for b in many) for a in few)
    return beside >= MIN_TABLE_SHARE * len(few)


def _share_row(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared >= 0.5 * min(one.height, other.height)


def _by_rows(places: list[int], boxes: Sequence[Box]) -> Iterator[int]:
    """Order boxes that no straight cut divides: row by row, each from left to right.

    A row goes from neighbour to neighbour, so that it may slope.
    """

    def middle(place: int) -> float:
        return boxes[place].top + boxes[place].height / 2

    rows: list[list[int]] = []
    for place in sorted(places, key=lambda place: boxes[place].left):
        near = [row for row in rows if _share_row(boxes[row[-1]], boxes[place])]
        if near:
            min(near, key=lambda row: abs(middle(row[-1]) - middle(place))).append(place)
        else:
            rows.append([place])
    for row in sorted(rows, key=lambda row: float(np.mean([middle(place) for place in row]))):
        yield from row
