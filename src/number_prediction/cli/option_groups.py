"""Options that stand together: dataclasses as groups of options, and which options need or exclude others."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, TypeAlias, get_type_hints

import typer

from number_prediction.cli.console import given_options


def spread_groups(
    command: Callable[..., None], annotate: Callable[[Field[Any], Any], Any] = lambda _, kind: kind
) -> Callable[..., None]:
    """Let Typer see each field of a command's dataclass parameters as an option of its own.

    The fields are annotated as options are: `output: Annotated[Path | None, typer.Option(...)] = None`. For
    dataclasses that know nothing of Typer, `annotate` makes this of a field and its type.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
            parameters += _parameters_of(hints[name], annotate)
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    run.__dict__["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameters_of(group: type[Any], annotate: Callable[[Field[Any], Any], Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=annotate(field, hints[field.name]),
        )
        for field in fields(group)
    ]


@dataclass(frozen=True)
class Requires:
    """An option that needs one of some others; all are named by their parameters."""

    option: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Excludes:
    """An option that works with none of some others; all are named by their parameters."""

    option: str
    others: tuple[str, ...]
    reason: str


Rule: TypeAlias = Requires | Excludes


def check_options(context: typer.Context, rules: Iterable[Rule]) -> None:
    """Raise typer.BadParameter for the first rule that the options as typed break."""
    given = given_options(context)
    for rule in rules:
        if rule.option not in given:
            continue
        if isinstance(rule, Requires):
            if not given.intersection(rule.needs):
                needed = " or ".join(_typed(context, name) for name in rule.needs)
                raise typer.BadParameter(
                    f"needs {needed}; add that, or leave this out", param_hint=_typed(context, rule.option)
                )
        else:
            for other in rule.others:
                if other in given:
                    raise typer.BadParameter(
                        f"{rule.reason}; leave out {_typed(context, other)}",
                        param_hint=_typed(context, rule.option),
                    )


def _typed(context: typer.Context, name: str) -> str:
    """The option of a parameter: "--format" for output_format."""
    return next(parameter.opts[0] for parameter in context.command.params if parameter.name == name)
