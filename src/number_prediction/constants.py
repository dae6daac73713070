"""Constants that several packages share: sizes of frames, glyphs and class names."""

from __future__ import annotations

NOT_A_DIGIT = "none"
"""Class of pictures that are no digit: a model that knows it abstains from them; it is never a label."""
A_LETTER = "letter"
"""Class of all letters: a model for lines of numbers tells them from digits, and never reads one."""
FRAME_SIZE = 28
"""Height and width of a frame, in pixels."""
LINE_HEIGHT, LINE_WIDTH = 40, 480
"""Of the frame of a line, in pixels."""
PDF_DPI = 200
"""Pixels an inch at which a PDF is rendered, unless told otherwise: an A4 page has 1,654 x 2,339."""
GLYPHS = ("", *"0123456789.,-+/:")
"""What a sequence model tells apart, in the order of its outputs: the blank of CTC, digits, signs."""
LETTER = len(GLYPHS)
"""Place of A_LETTER, after those of GLYPHS."""
