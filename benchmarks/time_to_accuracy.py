"""Training time of our CNN beside that of the PyTorch example's CNN to the same accuracy, in one run.

    python benchmarks/time_to_accuracy.py [--seeds 3] [--example-epochs 14] [--threads 2]

Ours trains to its fixed end; its accuracy, the mean over the seeds, is the mark. The example then trains
until its accuracy after an epoch reaches the mark, or to the end of its 14 epochs. Both see the same 55,000
images and are measured on the same test images; time is wall time of the training from images in memory,
without evaluations. The stopping point of the example is chosen in its favour, on the test images.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction import Splits, load_mnist
from number_prediction.training.fit import compute_logits, fit
from number_prediction.training.recipes import get_recipe
from number_prediction.training.session import start_run
from number_prediction.training.state import load_trained


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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="cnn")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--example-epochs", type=int, default=14)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    splits = load_mnist()
    seconds, accuracies = [], []
    for seed in range(options.seeds):
        taken, accuracy = train_ours(splits, options.recipe, seed, options.threads)
        print(f"{options.recipe} seed {seed}: {taken:.1f} s, {100 * accuracy:.2f}%", flush=True)
        seconds.append(taken)
        accuracies.append(accuracy)
    mark = statistics.fmean(accuracies)
    ours = statistics.median(seconds)
    print(f"{options.recipe}: median {ours:.1f} s, mean {100 * mark:.3f}%, {options.seeds} seeds", flush=True)
    example, reached = train_example(splits, mark, options.example_epochs, options.threads)
    words = "reached it after" if reached else "did not reach it in"
    print(f"the PyTorch example {words} {example:.1f} s: ratio {example / ours:.1f}")


def train_ours(splits: Splits, recipe: str, seed: int, threads: int) -> tuple[float, float]:
    """Seconds of training and test accuracy of one run."""
    with tempfile.TemporaryDirectory() as folder:
        run = start_run(get_recipe(recipe), Path(folder), command="a benchmark", seed=seed, threads=threads)
        for _ in fit(run, splits):
            pass
        trained = load_trained(run)
        logits, labels = compute_logits(trained.network, splits.test, torch.device("cpu"))
        return trained.seconds, float((logits.argmax(1) == labels).float().mean())


def train_example(splits: Splits, mark: float, epochs: int, threads: int) -> tuple[float, bool]:
    """Seconds the example trained, and whether it reached the mark: Adadelta 1.0, gamma 0.7, batch 64."""
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    network = ExampleNetwork()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    images, labels = to_tensors(splits.train.images), torch.tensor(splits.train.labels).long()
    test_images, test_labels = to_tensors(splits.test.images), torch.tensor(splits.test.labels).long()
    seconds = 0.0
    for epoch in range(1, epochs + 1):
        begun = time.perf_counter()
        network.train()
        for indices in torch.randperm(len(labels)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(network(images[indices]), labels[indices]).backward()
            optimizer.step()
        scheduler.step()
        seconds += time.perf_counter() - begun
        network.eval()
        with torch.no_grad():
            predicted = torch.cat([network(part).argmax(1) for part in test_images.split(1000)])
        accuracy = float((predicted == test_labels).float().mean())
        print(f"example epoch {epoch}: {seconds:.1f} s, {100 * accuracy:.2f}%", flush=True)
        if accuracy >= mark:
            return seconds, True
    return seconds, False


def to_tensors(images: np.ndarray) -> Tensor:
    return ((torch.tensor(images).float() / 255 - 0.1307) / 0.3081).unsqueeze(1)


if __name__ == "__main__":
    main()
