"""Accuracy of recipes over seeds on MNIST's test images, at their final epoch, and of all seeds as one.

    python benchmarks/accuracy.py --recipes micro,tiny,best --seeds 10 --output DIR [--threads 2] [--no-log]

A row a recipe: parameters, median seconds of a training, mean accuracy with its standard deviation, and the
accuracy of the mean answer of all seeds (an ensemble). Killed and started again with the same --output, it
goes on with the next seed. Ends with 1 where a mean misses the recipe's target.

Several may work at once, each in its own folder and on its own cores: the accuracies are the same. Seconds
are for what runs alone; `time_to_accuracy.py` measures them beside others.
"""

from __future__ import annotations

from trainings import Book, conclude, load, make_parser, summarise, train


def main() -> None:
    options = make_parser(__doc__).parse_args()
    recipes, splits = options.chosen, load()
    book = Book(options.output, threads=options.threads, seeds=options.seeds)
    for recipe in recipes:
        for seed in book.missing(recipe):
            train(book, splits, recipe, seed, options.threads)
    rows = summarise(book, [recipe.name for recipe in recipes], splits.test.labels)
    conclude(f"accuracy of {', '.join(row.name for row in rows)}", book, rows, [], options)


if __name__ == "__main__":
    main()
