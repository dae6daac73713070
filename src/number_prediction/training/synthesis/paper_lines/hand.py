"""How one line is written: pen, slant, spacing, and what the hand makes of its digits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from number_prediction.training.synthesis.paper_lines.writers import Character, Writer, Writers
from number_prediction.training.synthesis.words import FONTS as PROPORTIONAL_FONTS

FONTS = (*PROPORTIONAL_FONTS, "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique")
"""Files of Matplotlib that lines in print are set in."""
PRINTED, SEGMENTED = 0.09, 0.035
"""Shares of the lines in print and on seven-segment displays."""
STEEPEST_SHEAR = 1.1
"""Largest slant: columns a row; 1 is 45 degrees."""


@dataclass
class PaperHand:
    """One line's hand. Lengths are in heights of a digit, unless their name says otherwise."""

    writer: Writer
    font: str | None
    """The font of a line in print."""
    is_segmented: bool
    """Whether the line stands on a seven-segment display."""
    pen_px: float
    """Width of the pen on digits of DIGIT_PX."""
    repeats_shapes: bool
    """Whether the same digit looks the same throughout."""
    width: float
    shear: float
    """Columns by which the line leans to the right, a row."""
    rotation_degrees: float
    gap: float
    uneven_gap: float
    kerning: float
    """0 spaces boxes, 1 spaces strokes."""
    uneven_size: float
    tall_one: float
    small_zero: float
    """Height of a zero; 1 is that of other digits."""
    hanging: float
    """By how much 3, 4, 5, 7 and 9 hang below the base line."""
    wander: float
    slope: float
    """By how much each glyph stands below the one before."""
    tremble: float
    """Deviation of the points of a writing, in its box."""
    tail: float
    """How far the last stroke of a 7 or 9 goes on downward."""
    lead: float
    """Length of the stroke that leads up to a 1."""
    thickening: int | None
    """Seed of the filter that makes scanned strokes thinner or thicker."""
    chosen: dict[str, Character] = field(default_factory=dict)
    """The drawing of each digit that the hand repeats."""

    @property
    def is_written(self) -> bool:
        """Whether a person wrote it."""
        return self.font is None and not self.is_segmented


def draw_hand(writers: Writers, random: np.random.Generator) -> PaperHand:
    """A hand at random: most write by pen, some lines are printed or on a display."""
    kind = random.random()
    font = FONTS[random.integers(len(FONTS))] if kind < PRINTED else None
    is_segmented = PRINTED <= kind < PRINTED + SEGMENTED
    gap, uneven_gap = _draw_gap(random)
    hand = PaperHand(
        writer=writers.draw(random),
        font=font,
        is_segmented=is_segmented,
        pen_px=float(np.exp(random.uniform(np.log(1.6), np.log(6.5))))
        if random.random() < 0.85
        else random.uniform(6, 9),
        repeats_shapes=random.random() < 0.55,
        width=float(np.clip(np.exp(random.normal(-0.1, 0.2)), 0.5, 1.5)),
        shear=float(np.clip(random.normal(0.2, 0.3), -0.5, 1.0))
        if random.random() < 0.8
        else random.uniform(-0.3, STEEPEST_SHEAR),
        rotation_degrees=random.normal(0, 2.5),
        gap=gap,
        uneven_gap=uneven_gap,
        kerning=random.uniform(0.2, 1),
        uneven_size=random.uniform(0.02, 0.16),
        tall_one=random.uniform(1.0, 1.7) if random.random() < 0.3 else 1.0,
        small_zero=random.uniform(0.5, 0.95) if random.random() < 0.3 else 1.0,
        hanging=random.uniform(0.05, 0.45) if random.random() < 0.25 else 0.0,
        wander=abs(random.normal(0, 0.05)),
        slope=random.normal(0, 0.03) if random.random() < 0.9 else random.normal(0, 0.1),
        tremble=random.uniform(0.005, 0.05),
        tail=random.uniform(0.2, 0.9) if random.random() < 0.22 else 0.0,
        lead=random.uniform(0.15, 0.6) if random.random() < 0.25 else 0.0,
        thickening=int(random.integers(1 << 30)) if random.random() < 0.5 else None,
    )
    if not hand.is_written:
        _straighten(hand, random)
    return hand


def _draw_gap(random: np.random.Generator) -> tuple[float, float]:
    """The gap between glyphs and its deviation: a fifth of the hands let digits touch."""
    kind = random.random()
    if kind < 0.2:
        return random.uniform(-0.1, 0.03), 0.03
    if kind < 0.75:
        return random.uniform(0.03, 0.22), 0.04
    if kind < 0.95:
        return random.uniform(0.2, 0.5), 0.08
    return random.uniform(0.5, 1.1), 0.12


def _straighten(hand: PaperHand, random: np.random.Generator) -> None:
    """Print and displays have no hand."""
    hand.hanging = hand.wander = hand.slope = hand.tail = hand.lead = hand.uneven_size = 0.0
    hand.tall_one = hand.small_zero = 1.0
    hand.repeats_shapes = True
    hand.shear = float(random.choice([0, 0.12])) if hand.is_segmented else 0.0
    hand.width = float(np.clip(hand.width, 0.85, 1.15))
    hand.rotation_degrees = random.normal(0, 1)
    hand.gap = random.uniform(0.12, 0.3) if hand.is_segmented else random.uniform(0.06, 0.2)
