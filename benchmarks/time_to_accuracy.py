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
finished begins anew. Ends with 1 where a recipe misses its target.
"""

from __future__ import annotations

from peers import STUDENT, describe_example, train_example, train_student
from trainings import EXAMPLE, Book, conclude, load, make_parser, positive, summarise, train


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

    train_example(book, splits, options.example_epochs, options.threads, between=take_turn)
    while students or any(seeds for _, seeds in missing):
        take_turn()
    rows = summarise(book, [*names, STUDENT, EXAMPLE], splits.test.labels)
    conclude("time to accuracy", book, rows, describe_example(book), options)


if __name__ == "__main__":
    main()
