"""Peers of ours: the CNN of PyTorch's MNIST example, and a student's first network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from trainings import EXAMPLE, Book

from number_prediction.datasets.split import Splits

STUDENT = "student-mlp"
STUDENT_EPOCHS = 10


class ExampleNetwork(nn.Module):
    """The network of PyTorch's MNIST example: two 3x3 convolutions (32, 64), pooling, dropout, 128, 10."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3)
        self.second = nn.Conv2d(32, 64, 3)
        self.hidden = nn.Linear(64 * 12 * 12, 128)
        self.output = nn.Linear(128, 10)

    def forward(self, image: Tensor) -> Tensor:
        features = F.relu(self.second(F.relu(self.first(image))))
        features = F.dropout(F.max_pool2d(features, 2).flatten(1), 0.25, self.training)
        return self.output(F.dropout(F.relu(self.hidden(features)), 0.5, self.training))


def train_example(
    book: Book, splits: Splits, epochs: int, threads: int, *, between: Callable[[], None] = lambda: None
) -> None:
    """Train the example once, unless it is finished; after each epoch comes what stands `between`."""
    if len(book.of(EXAMPLE)) >= epochs:
        return
    book.forget(EXAMPLE)
    for epoch, (seconds, accuracy, parameters) in enumerate(_example_epochs(splits, epochs, threads), 1):
        book.add(EXAMPLE, 0, seconds, accuracy, parameters, epoch=epoch)
        between()


def describe_example(book: Book) -> list[str]:
    """The example's epochs in a sentence, if it was trained."""
    curve = [f"{each.seconds:.0f} s {100 * each.accuracy:.2f}%" for each in book.of(EXAMPLE)]
    return [f"The example, epoch by epoch: {', '.join(curve)}."] if curve else []


def _example_epochs(splits: Splits, epochs: int, threads: int) -> Iterator[tuple[float, float, int]]:
    """Train the example (Adadelta 1.0, gamma 0.7, batch 64).

    Yields:
        After each epoch, seconds so far, test accuracy, parameters.
    """
    begun = time.perf_counter()
    torch.manual_seed(0)
    network = ExampleNetwork()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    images, labels = _to_tensors(splits.train.images), torch.tensor(splits.train.labels).long()
    seconds = time.perf_counter() - begun
    for _ in range(epochs):
        torch.set_num_threads(threads)
        begun = time.perf_counter()
        _train_epoch(network, optimizer, images, labels)
        scheduler.step()
        seconds += time.perf_counter() - begun
        answers = _answer(network, _to_tensors(splits.test.images))
        yield seconds, _accuracy_of(answers, splits), _count(network)


def train_student(book: Book, splits: Splits, seed: int, threads: int) -> None:
    torch.set_num_threads(threads)
    begun = time.perf_counter()
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    images, labels = torch.tensor(splits.train.images) / 255, torch.tensor(splits.train.labels).long()
    for _ in range(STUDENT_EPOCHS):
        _train_epoch(network, optimizer, images, labels)
    seconds = time.perf_counter() - begun
    answers = _answer(network, torch.tensor(splits.test.images) / 255)
    book.keep_answers(STUDENT, seed, answers.numpy())
    book.add(STUDENT, seed, seconds, _accuracy_of(answers, splits), _count(network))


def _train_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> None:
    network.train()
    for indices in torch.randperm(len(labels)).split(64):
        optimizer.zero_grad()
        F.cross_entropy(network(images[indices]), labels[indices]).backward()
        optimizer.step()


@torch.no_grad()
def _answer(network: nn.Module, images: Tensor) -> Tensor:
    """Probabilities (N, 10)."""
    network.eval()
    return torch.cat([network(part).softmax(1) for part in images.split(1000)])


def _accuracy_of(answers: Tensor, splits: Splits) -> float:
    return float((answers.argmax(1).numpy() == splits.test.labels).mean())


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _to_tensors(images: np.ndarray) -> Tensor:
    return ((torch.tensor(images).float() / 255 - 0.1307) / 0.3081).unsqueeze(1)
