"""A scripted hand that draws on the page's canvas by mouse."""

from __future__ import annotations

from playwright.sync_api import Page, expect

Strokes = list[list[tuple[float, float]]]
"""Points in shares of the canvas' height, from its upper left corner."""

CANVAS = "#canvas"
_DIGITS: dict[int, Strokes] = {
    0: [
        [
            (0.5, 0.15),
            (0.3, 0.3),
            (0.28, 0.6),
            (0.45, 0.85),
            (0.65, 0.75),
            (0.7, 0.4),
            (0.6, 0.2),
            (0.5, 0.15),
        ]
    ],
    1: [[(0.35, 0.35), (0.52, 0.15), (0.5, 0.85)]],
    2: [[(0.3, 0.3), (0.45, 0.15), (0.65, 0.2), (0.65, 0.4), (0.3, 0.83)], [(0.3, 0.83), (0.72, 0.82)]],
    3: [
        [
            (0.3, 0.2),
            (0.5, 0.13),
            (0.66, 0.25),
            (0.45, 0.47),
            (0.68, 0.62),
            (0.6, 0.82),
            (0.42, 0.86),
            (0.28, 0.76),
        ]
    ],
    4: [[(0.48, 0.14), (0.28, 0.58), (0.72, 0.58)], [(0.6, 0.35), (0.58, 0.87)]],
    5: [[(0.64, 0.15), (0.38, 0.15), (0.35, 0.45), (0.55, 0.42), (0.68, 0.6), (0.58, 0.82), (0.32, 0.82)]],
    6: [
        [
            (0.6, 0.14),
            (0.38, 0.4),
            (0.32, 0.7),
            (0.48, 0.86),
            (0.66, 0.74),
            (0.6, 0.54),
            (0.42, 0.55),
            (0.34, 0.7),
        ]
    ],
    7: [[(0.28, 0.17), (0.7, 0.15), (0.58, 0.45), (0.46, 0.86)]],
    8: [
        [(0.62, 0.24), (0.48, 0.14), (0.36, 0.28), (0.5, 0.48), (0.66, 0.68), (0.5, 0.86), (0.35, 0.7)],
        [(0.35, 0.7), (0.5, 0.48), (0.62, 0.24)],
    ],
    9: [[(0.64, 0.28), (0.48, 0.15), (0.34, 0.3), (0.42, 0.47), (0.62, 0.38), (0.64, 0.28), (0.6, 0.86)]],
}


def write_digit(digit: int, *, right: float = 0.5, scale: float = 1.0) -> Strokes:
    """Strokes of a digit, moved to the right by a share of the canvas' height."""
    return [[(right + scale * x, 0.5 + scale * (y - 0.5)) for x, y in stroke] for stroke in _DIGITS[digit]]


def draw(page: Page, strokes: Strokes) -> None:
    """Draw strokes by mouse, and wait until the page has no question open about them."""
    move_pen(page, strokes)
    wait_for_answer(page)


def wait_for_answer(page: Page) -> None:
    """Until the answer is that to what is drawn or opened by now, whole and for good."""
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")


def move_pen(page: Page, strokes: Strokes, canvas: str = CANVAS) -> None:
    """Draw strokes by mouse; the answers come meanwhile, and later."""
    box = page.locator(canvas).bounding_box()
    assert box is not None
    for stroke in strokes:
        (x, y), *rest = [(box["x"] + box["height"] * x, box["y"] + box["height"] * y) for x, y in stroke]
        page.mouse.move(x, y)
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(x, y, steps=4)
        page.mouse.up()
