"""Before the training loop: the folder and the settings of a run."""

from __future__ import annotations

from pathlib import Path

from number_prediction.datasets.load import EMBEDDED, canonical_source
from number_prediction.datasets.open_data import describe_open_data
from number_prediction.errors import DataError
from number_prediction.machine import describe_environment, usable_cores
from number_prediction.runs.run import Run, Settings, describe_start
from number_prediction.training.loop.devices import pick_device, usable_precision
from number_prediction.training.loop.distributed import ALONE, World
from number_prediction.training.recipes import Recipe


def start_run(
    recipe: Recipe,
    folder: Path,
    *,
    data: str = EMBEDDED,
    seed: int = 0,
    threads: int | None = None,
    device: str | None = None,
    open_data: Path | None = None,
    ink: Path | None = None,
    world: World = ALONE,
) -> Run:
    """Make the folder of a new run and write its settings.

    Args:
        recipe: the recipe to train.
        folder: the run's folder; it must not hold a run yet.
        data: "mnist" or a path that `load_dataset` takes.
        seed: decides weights, order and augmentation.
        threads: processor threads of each process; by default the cores, divided among the processes.
        device: "cuda", "mps" or "cpu"; by default the first of these that the machine has.
        open_data: folder of open data, for the recipes ink and paper; by default none.
        ink: run of the recipe ink, for the recipe paper.
        world: the processes that will train the run; one of them calls this.

    Raises:
        DataError: the folder holds a run.
        TrainingError: the machine has no such device.
    """
    picked = pick_device(device, world.place)
    run = Run(folder)
    run.create(
        Settings(
            recipe=recipe.to_dict(),
            data=canonical_source(data),
            seed=seed,
            threads=threads or max(1, usable_cores() // world.neighbours),
            device=picked.type,
            precision=usable_precision(recipe.precision, picked),
            command=describe_start(world.size),
            environment=describe_environment(),
            processes=world.size,
            open_data=None if open_data is None else str(open_data.resolve()),
            sources=() if open_data is None else describe_open_data(open_data),
            ink=None if ink is None else str(ink.resolve()),
        )
    )
    return run


def require_same_settings(run: Run, recipe: Recipe, data: str) -> None:
    """Raise DataError if the run exists with another recipe or data set."""
    if run.settings_path.exists():
        settings = run.settings()
        if settings.recipe != recipe.to_dict() or settings.data != canonical_source(data):
            raise DataError(
                f"{run.folder}: holds a run with another recipe or data set; choose another --output"
            )


def open_run(recipe: Recipe, folder: Path, *, data: str, seed: int, threads: int | None) -> Run:
    """The run in `folder`, to be continued, or a new one if there is none.

    Raises:
        DataError: the run there has another recipe or data set.
    """
    run = Run(folder)
    require_same_settings(run, recipe, data)
    if run.settings_path.exists():
        return run
    return start_run(recipe, folder, data=data, seed=seed, threads=threads)
