"""Training time of recipes beside that of the PyTorch example's CNN to the same accuracy, in one run.

    python benchmarks/time_to_accuracy.py --recipes fast,cnn --seeds 10 --output DIR [--threads 2] [--no-log]
        [--example-epochs 14]

They take turns, since the speed of a machine drifts: an epoch of the example, then a whole training of each
recipe with the next seed, and so on. All see the same 55,000 images and are measured on the same test images.
A row a recipe: parameters, median seconds, mean accuracy with its standard deviation, and how many times
longer the example takes to the first epoch that ends at or above that mean, and at or above the recipe's
target. That the example may stop where the test images are best read is in its favour; it is trained once.

With the recipe `mlp` a student's first network takes turns too: 784-128-64-10 with ReLU and biases, as our
`mlp` after its batch normalisations are folded, trained for ten epochs by Adam with a learning rate of 0.001
and batches of 64, on pixels divided by 255, without augmentation.

Killed and started again with the same --output, it goes on with the next seed; an example that was not
finished begins anew. Ends with 1 where a mean accuracy misses the recipe's target.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from trainings import EXAMPLE, Book, conclude, load, make_parser, positive, summarise, train

from number_prediction import Splits

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


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--example-epochs", type=positive, default=14)
    options = parser.parse_args()
    recipes, splits = options.chosen, load()
    names = [recipe.name for recipe in recipes]
    book = Book(options.output, threads=options.threads, seeds=options.seeds)
    missing = [(recipe, book.missing(recipe)) for recipe in recipes]
    students = sorted(set(range(options.seeds)) - {each.seed for each in book.of(STUDENT)})
    if "mlp" not in names:
        students = []

    def take_turn() -> None:
        """Train the next seed of each."""
        for recipe, seeds in missing:
            if seeds:
                train(book, splits, recipe, seeds.pop(0), options.threads)
        if students:
            train_student(book, splits, students.pop(0), options.threads)

    if len(book.of(EXAMPLE)) < options.example_epochs:
        book.forget(EXAMPLE)
        for epoch, (seconds, accuracy, parameters) in enumerate(
            example_epochs(splits, options.example_epochs, options.threads), 1
        ):
            book.add(EXAMPLE, 0, seconds, accuracy, parameters, epoch=epoch)
            take_turn()
    while students or any(seeds for _, seeds in missing):
        take_turn()
    rows = summarise(book, [*names, STUDENT, EXAMPLE], splits.test.labels)
    curve = [f"{each.seconds:.0f} s {100 * each.accuracy:.2f}%" for each in book.of(EXAMPLE)]
    conclude("time to accuracy", book, rows, [f"The example, epoch by epoch: {', '.join(curve)}."], options)


def example_epochs(splits: Splits, epochs: int, threads: int) -> Iterator[tuple[float, float, int]]:
    """Train the example (Adadelta 1.0, gamma 0.7, batch 64).

    Yields:
        After each epoch, seconds so far, test accuracy, parameters.
    """
    begun = time.perf_counter()
    torch.manual_seed(0)
    network = ExampleNetwork()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    images, labels = to_tensors(splits.train.images), torch.tensor(splits.train.labels).long()
    seconds = time.perf_counter() - begun
    for _ in range(epochs):
        torch.set_num_threads(threads)
        begun = time.perf_counter()
        train_epoch(network, optimizer, images, labels)
        scheduler.step()
        seconds += time.perf_counter() - begun
        answers = answer(network, to_tensors(splits.test.images))
        yield seconds, accuracy_of(answers, splits), count(network)


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
        train_epoch(network, optimizer, images, labels)
    seconds = time.perf_counter() - begun
    answers = answer(network, torch.tensor(splits.test.images) / 255)
    book.keep_answers(STUDENT, seed, answers.numpy())
    book.add(STUDENT, seed, seconds, accuracy_of(answers, splits), count(network))


def train_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    network.train()
    for indices in torch.randperm(len(labels)).split(64):
        optimizer.zero_grad()
        F.cross_entropy(network(images[indices]), labels[indices]).backward()
        optimizer.step()


@torch.no_grad()
def answer(network: nn.Module, images: Tensor) -> Tensor:
    """Probabilities (N, 10)."""
    network.eval()
    return torch.cat([network(part).softmax(1) for part in images.split(1000)])


def accuracy_of(answers: Tensor, splits: Splits) -> float:
    return float((answers.argmax(1).numpy() == splits.test.labels).mean())


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def to_tensors(images: np.ndarray) -> Tensor:
    return ((torch.tensor(images).float() / 255 - 0.1307) / 0.3081).unsqueeze(1)


if __name__ == "__main__":
    main()
