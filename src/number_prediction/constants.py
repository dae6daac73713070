"""Constants that several packages share: sizes of frames, glyphs and names of classes."""

from __future__ import annotations

NOT_A_DIGIT = "none"
"""Class of pictures without a digit. A model with this class abstains from them; it is never a label."""
A_LETTER = "letter"
"""Class of all letters. A model for numbers distinguishes letters from digits and reads none."""
FRAME_SIZE = 28
"""Height and width of the frame of a digit, in pixels."""
LINE_HEIGHT, LINE_WIDTH = 40, 480
"""Height and width of the frame of a line, in pixels."""
PDF_DPI = 200
"""Default resolution of a rendered PDF, in pixels per inch: an A4 page has 1,654 x 2,339 pixels."""
GLYPHS = ("", *"0123456789.,-+/:")
"""Outputs of a model for numbers, in order: the blank of CTC, digits, signs."""
LETTER = len(GLYPHS)
"""Index of A_LETTER in the outputs, after GLYPHS."""
OTHER_SIGN, STRUCK_OUT = LETTER + 1, LETTER + 2
"""Indexes of two more outputs of a network for lines on paper: signs that no number has, such as
currency, and struck-out writing."""
PAPER_LINE_HEIGHT, PAPER_LINE_WIDTH = 48, 640
"""Height and largest width of the frame of a line on paper, in pixels."""
