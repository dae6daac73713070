"""Accuracy of recipes over seeds on MNIST's test images, at their final epoch, and of all seeds as one.

    python benchmarks/accuracy.py --recipes micro,tiny,best --seeds 10 --output DIR [--threads 2] [--no-log]
        [--example-epochs 14]

A row a recipe: parameters, median seconds of a training, mean accuracy with its standard deviation, and the
accuracy of the mean answer of all seeds (an ensemble); with --example-epochs the CNN of PyTorch's example is
trained first, and how many times longer it takes is told. Killed and started again with the same --output, it
goes on with the next seed. Ends with 1 where a recipe misses its target.

Several may work at once, each in its own folder and on its own cores: the accuracies are the same. Seconds
are for what runs alone; `time_to_accuracy.py` measures them beside others.
"""

from __future__ import annotations

from peers import describe_example, train_example
from trainings import EXAMPLE, Book, conclude, load, make_parser, natural, summarise, train


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--example-epochs", type=natural, default=0)
    options = parser.parse_args()
    recipes, splits = options.chosen, load()
    book = Book(options.output, threads=options.threads, seeds=options.seeds)
    train_example(book, splits, options.example_epochs, options.threads)
    for recipe in recipes:
        for seed in book.missing(recipe):
            train(book, splits, recipe, seed, options.threads)
    rows = summarise(book, [*(recipe.name for recipe in recipes), EXAMPLE], splits.test.labels)
    conclude(
        f"accuracy of {', '.join(row.name for row in rows)}", book, rows, describe_example(book), options
    )


if __name__ == "__main__":
    main()
