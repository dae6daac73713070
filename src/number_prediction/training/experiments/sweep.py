"""Sweep: repeated trainings of one recipe; Optuna chooses the values of each from the earlier results.

In: a recipe, dimensions, splits. Out: a folder with a run for each trial and Optuna's SQLite file. Accuracy
on the validation part decides which values are better. A trial's values depend only on the seed, its number
and the earlier trials. So a sweep that was killed and resumed tries the same values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from number_prediction.datasets.load import canonical_source, display_name
from number_prediction.datasets.split import Splits
from number_prediction.errors import DataError
from number_prediction.runs.run import Record, Run
from number_prediction.runs.sweep import Dimension, Outcome, Sweep, Trial
from number_prediction.training.experiments.search_space import (
    change,
    get_value,
    require_dimensions,
    whole_fields,
)
from number_prediction.training.experiments.setup import open_run
from number_prediction.training.loop.fit import DivergedError, fit
from number_prediction.training.recipes import Recipe

DATABASE = "sweep.db"
RANDOM_TRIALS = 8
"""First trials, whose values are drawn at random; later values depend on results."""
MIN_COMPARED_TRIALS, UNCOMPARED_VALIDATIONS = 5, 2
"""Trials and validations before a trial is compared; if it is worse than the median, it stops early."""
MIN_EXPLAINED_TRIALS = 10
"""Finished trials needed to estimate how much each field matters."""
OUTCOMES: dict[TrialState, Outcome] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "stopped early",
    TrialState.FAIL: "failed",
}


class Sweeper:
    """A new or resumed sweep in its folder; close it in the end."""

    def __init__(
        self,
        recipe: Recipe,
        dimensions: Sequence[Dimension],
        folder: Path,
        *,
        data: str,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        """Open the sweep in `folder`, or begin one, whose first trial is the unchanged recipe.

        Raises:
            TrainingError: the recipe has no such fields, or cannot have these values.
            DataError: the folder holds a sweep with other settings, or its database is damaged.
        """
        require_dimensions(recipe, dimensions)
        self._recipe, self._dimensions, self._folder = recipe, tuple(dimensions), folder
        self._data, self._seed, self._threads = data, seed, threads
        self._usual = {dimension.field: get_value(recipe, dimension.field) for dimension in dimensions}
        self._space = {dimension.field: _distribution(recipe, dimension) for dimension in dimensions}
        folder.mkdir(parents=True, exist_ok=True)
        self._storage, self._study = _open_study(folder / DATABASE, recipe.name)
        self._require_same_settings()

    def _require_same_settings(self) -> None:
        settings = {
            "recipe": self._recipe.to_dict(),
            "dimensions": [asdict(dimension) for dimension in self._dimensions],
            "data": canonical_source(self._data),
            "seed": self._seed,
        }
        settings = json.loads(json.dumps(settings))
        known = self._study.user_attrs.get("settings")
        if known is None:
            self._study.set_user_attr("settings", settings)
            if all(each.low <= self._usual[each.field] <= each.high for each in self._dimensions):
                self._study.enqueue_trial(self._usual)
        elif known != settings:
            differing = ", ".join(name for name, value in settings.items() if known.get(name) != value)
            raise DataError(
                f"{self._folder}: holds a sweep with other settings ({differing}); repeat its command to "
                "resume it, or choose another --output"
            )

    def begin(self) -> optuna.Trial:
        """The interrupted trial, or the next one."""
        running = self._study.get_trials(states=[TrialState.RUNNING])
        if running:
            study_id = self._storage.get_study_id_from_name(self._study.study_name)
            place = self._storage.get_trial_id_from_study_id_trial_number(study_id, running[0].number)
            return optuna.Trial(self._study, place)
        number = len(self.trials())
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        self._study.sampler = TPESampler(n_startup_trials=RANDOM_TRIALS, seed=seed)
        return self._study.ask(self._space)

    def train(self, trial: optuna.Trial, splits: Splits) -> Iterator[Record]:
        """Train a trial in its run, from its checkpoint if it has one; yields the records of the training.

        A trial that falls behind the others stops early.
        """
        run = open_run(
            change(self._recipe, trial.params),
            self.run_of(trial.number).folder,
            data=self._data,
            seed=self._seed,
            threads=self._threads,
        )
        told = self._study.trials[trial.number].intermediate_values
        try:
            for record in fit(run, splits):
                yield record
                if record.validation_accuracy is None or record.step == record.steps:
                    continue
                validation = len(_accuracies(run))
                if validation not in told:
                    trial.report(record.validation_accuracy, validation)
                if trial.should_prune():
                    self._study.tell(trial, state=TrialState.PRUNED)
                    return
        except DivergedError:
            self._study.tell(trial, state=TrialState.FAIL)
            return
        self._study.tell(trial, _accuracies(run)[-1])

    def run_of(self, number: int) -> Run:
        """The run of a trial."""
        return Run(self._folder / f"trial-{number:03}")

    def close(self) -> None:
        """Close the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def trials(self) -> tuple[Trial, ...]:
        """All trials that have ended."""
        return tuple(
            Trial(trial.number, trial.params, OUTCOMES[trial.state], trial.value)
            for trial in self._study.get_trials(states=tuple(OUTCOMES))
        )

    def summarize(self, splits: Splits) -> Sweep:
        """The sweep's results so far."""
        return Sweep(
            recipe=self._recipe.name,
            data=display_name(canonical_source(self._data)),
            pictures=len(splits.validation),
            seed=self._seed,
            epochs=self._recipe.epochs,
            dimensions=self._dimensions,
            usual=self._usual,
            trials=self.trials(),
            importances=_importances(self._study, self.trials()),
        )


def _open_study(database: Path, name: str) -> tuple[RDBStorage, optuna.Study]:
    try:
        storage = RDBStorage(f"sqlite:///{database.resolve().as_posix()}")
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize",
            pruner=MedianPruner(MIN_COMPARED_TRIALS, UNCOMPARED_VALIDATIONS),
            load_if_exists=True,
        )
    except (SQLAlchemyError, StorageInternalError) as error:
        raise DataError(f"{database}: not the database of a sweep; choose another --output") from error
    return storage, study


def _distribution(recipe: Recipe, dimension: Dimension) -> BaseDistribution:
    low, high, is_log = dimension.low, dimension.high, dimension.is_log
    if whole_fields(recipe)[dimension.field]:
        return IntDistribution(int(low), int(high), log=is_log)
    return FloatDistribution(low, high, log=is_log)


def _importances(study: optuna.Study, trials: Sequence[Trial]) -> dict[str, float]:
    """How much each field matters, from 0 to 1; empty if too few trials differ."""
    accuracies = [trial.accuracy for trial in trials if trial.outcome == "finished"]
    if len(accuracies) < MIN_EXPLAINED_TRIALS or len(set(accuracies)) == 1:
        return {}
    return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))


def _accuracies(run: Run) -> list[float]:
    """Accuracy of each validation of a run so far."""
    found = (record.validation_accuracy for record in run.records())
    return [accuracy for accuracy in found if accuracy is not None]
