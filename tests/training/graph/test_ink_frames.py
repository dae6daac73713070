"""Page -> canvas -> frames of ink and paper, where the ink network is one that knows the truth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from number_prediction.datasets.split import Splits
from number_prediction.training.graph.canvas import side_of, to_canvas
from number_prediction.training.graph.ink_frames import find_writing


class DarkIsInk(nn.Module):
    """All that is darker than half is meant; there is nothing else."""

    def forward(self, canvas: Tensor) -> Tensor:
        inside = (canvas >= 0).to(torch.float32)
        meant = (2 * (0.5 - canvas) * inside * 40).clamp(-20, 20)
        none = torch.full_like(meant, -20.0)
        return torch.stack([meant + (inside - 1) * 20, none, none], 1)


def find(page: Tensor) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
    found = find_writing(DarkIsInk(), page, torch.ones(()))
    return found.framed.ink, found.framed.paper, found.ink, found.measured


def test_small_pages_get_the_small_canvas() -> None:
    assert [side_of(longer) for longer in (1, 28, 64, 65, 1024)] == [64, 64, 64, 96, 96]


def test_a_page_keeps_its_aspect_on_the_canvas() -> None:
    canvas = to_canvas(torch.full((1, 40, 20), 0.25)).grey[0]
    assert torch.allclose(canvas[:, :32], torch.tensor(0.25))
    assert torch.equal(canvas[:, 32:], torch.full((64, 32), -1.0))


def test_the_frame_of_paper_is_the_digit_itself(mnist: Splits) -> None:
    images = torch.tensor(mnist.test.images[:50]).to(torch.float32) / 255
    _, paper, _, _ = find(1 - images)
    moved = [images.roll((down, right), (1, 2)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    difference = torch.stack([((paper * 3 - 1) - each).abs().mean((1, 2)) for each in moved]).amin(0)
    assert float(difference.median()) < 0.05


def test_polarity_and_paper_around_change_the_frames_little(mnist: Splits) -> None:
    image = torch.tensor(mnist.test.images[0]).to(torch.float32) / 255
    page = 1 - image
    wide = torch.ones(1, 60, 64)
    wide[0, 20:48, 10:38] = page
    ink, paper, _, _ = find(page.unsqueeze(0))
    ink_wide, paper_wide, _, _ = find(wide)
    assert float((ink - ink_wide).abs().mean()) < 0.05
    assert float((paper - paper_wide).abs().mean()) < 0.03


def test_a_blank_page_has_no_frame_and_measures_nothing_of_ink() -> None:
    ink, paper, on_page, measured = find(torch.ones(1, 50, 30))
    assert not ink.any()
    assert torch.allclose(paper, torch.tensor(1 / 3))
    assert on_page.shape == (1, 50, 30)
    assert not on_page.any()
    assert float(measured["at_edge"]) == 0


def test_what_is_measured_is_of_the_page() -> None:
    page = torch.ones(1, 200, 100)
    page[0, 60:140, 40:60] = 0.2
    *_, measured = find(page)
    assert abs(float(measured["side"]) - 80) < 4
    assert abs(float(measured["contrast"]) - 0.8) < 0.1
    assert float(measured["inverted"]) == 0
    page[0, :, 40:60] = 0.2
    *_, measured = find(page)
    assert float(measured["at_edge"]) > 0.02
    assert np.isfinite([float(value) for value in measured.values()]).all()
