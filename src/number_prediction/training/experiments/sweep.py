"""Sweep: trainings of one recipe with other values, which Optuna chooses by what came of those before.

In: a recipe, dimensions, splits. Out: a folder with a run for each trial and an SQLite file that knows them.
Only the validation part says what is better. What a trial tries is a function of the seed, its number and the
trials before it, so that a sweep that was killed and goes on tries the same.
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
from number_prediction.training.experiments.session import open_run
from number_prediction.training.loop.fit import DivergedError, fit
from number_prediction.training.recipes import Recipe

DATABASE = "sweep.db"
RANDOM_TRIALS = 8
"""Trials that are drawn at random before others are chosen by what came of them."""
COMPARED_TRIALS, COMPARED_FROM = 5, 2
"""A trial is stopped early where, from its third validation on, it is worse than the median of others."""
EXPLAINED_TRIALS = 10
"""Finished trials before it is estimated which field matters."""
OUTCOMES: dict[TrialState, Outcome] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "stopped early",
    TrialState.FAIL: "failed",
}


class Sweeper:
    """A sweep in its folder, to go on with, and to be closed in the end."""

    def __init__(
        self,
        recipe: Recipe,
        dimensions: Sequence[Dimension],
        folder: Path,
        *,
        command: str,
        data: str,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        """Open the sweep in `folder`, or begin it with a trial of the recipe as it is.

        Raises:
            TrainingError: the recipe cannot be varied so.
            DataError: a sweep of other settings is there, or what is there is none.
        """
        require_dimensions(recipe, dimensions)
        self._recipe, self._dimensions, self._folder = recipe, tuple(dimensions), folder
        self._command, self._data, self._seed, self._threads = command, data, seed, threads
        self._usual = {dimension.field: get_value(recipe, dimension.field) for dimension in dimensions}
        self._space = {dimension.field: self._distribution(dimension) for dimension in dimensions}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        database = folder / DATABASE
        try:
            self._storage = RDBStorage(f"sqlite:///{database.resolve().as_posix()}")
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=recipe.name,
                direction="maximize",
                pruner=MedianPruner(COMPARED_TRIALS, COMPARED_FROM),
                load_if_exists=True,
            )
        except (SQLAlchemyError, StorageInternalError) as error:
            raise DataError(f"{database}: not the database of a sweep; choose another --output") from error
        self._require_same_settings()

    def _distribution(self, dimension: Dimension) -> BaseDistribution:
        low, high, is_log = dimension.low, dimension.high, dimension.is_log
        if whole_fields(self._recipe)[dimension.field]:
            return IntDistribution(int(low), int(high), log=is_log)
        return FloatDistribution(low, high, log=is_log)

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
                f"{self._folder}: a sweep of other settings ({differing}); repeat its command to go on with "
                "it, or choose another --output"
            )

    def begin(self) -> optuna.Trial:
        """The trial that was interrupted, or the next one."""
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
        """Train a trial in its run, from its checkpoint where it has one; yields the records of the training.

        It is stopped early where it falls behind the others.
        """
        run = open_run(
            change(self._recipe, trial.params),
            self.run_of(trial.number).folder,
            command=self._command,
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
        """Let go of the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def trials(self) -> tuple[Trial, ...]:
        """The trials that have ended."""
        return tuple(
            Trial(trial.number, trial.params, OUTCOMES[trial.state], trial.value)
            for trial in self._study.get_trials(states=tuple(OUTCOMES))
        )

    def summarize(self, splits: Splits) -> Sweep:
        """All that is known by now."""
        return Sweep(
            recipe=self._recipe.name,
            data=display_name(canonical_source(self._data)),
            pictures=len(splits.validation),
            seed=self._seed,
            epochs=self._recipe.epochs,
            dimensions=self._dimensions,
            usual=self._usual,
            trials=self.trials(),
            importances=self._importances(),
        )

    def _importances(self) -> dict[str, float]:
        accuracies = [trial.accuracy for trial in self.trials() if trial.outcome == "finished"]
        if len(accuracies) < EXPLAINED_TRIALS or len(set(accuracies)) == 1:
            return {}
        return get_param_importances(self._study, evaluator=FanovaImportanceEvaluator(seed=0))


def _accuracies(run: Run) -> list[float]:
    """Of all validations of a run so far."""
    found = (record.validation_accuracy for record in run.records())
    return [accuracy for accuracy in found if accuracy is not None]
