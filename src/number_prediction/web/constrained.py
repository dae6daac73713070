"""Query parameters of the reading routes -> the constraints of the numbers.

The parameters are the options of `read`, without dashes: digits, signs, between, decimals, locale, check,
regex and one_of. Each is limited, so that no request keeps the server busy: a short regular expression can
stand for an automaton of any size, so it is tried in a process of its own first.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from number_prediction.constraints.spec import CONSTRAINTS, SPEC_KEYS, ConstraintOption, Spec
from number_prediction.errors import ConstraintError
from number_prediction.pipeline.rows import Reader
from number_prediction.web.problems import Problem, ValueProblem

MAX_CHARACTERS = 40
"""Longest value of a parameter other than regex and one_of."""
MAX_PATTERN_CHARACTERS = 200
MAX_TEXTS, MAX_TEXT_CHARACTERS = 1000, 40
"""Most texts of one_of, and the longest one."""
MAX_COUNT = 40
"""Most digits or decimals."""
MAX_PATTERN_CPU_SECONDS, MAX_PATTERN_SECONDS = 3, 20.0
"""Longest time of the processor, and longest time at all, to build the automaton of a regular expression in
a process of its own. Where the system cannot limit the first, the second holds."""
KEPT_READERS = 64
"""Readers of recent constraints that are kept, so that requests with the same ones share batches."""
_TRY_PATTERN = f"""
import sys
from contextlib import suppress
with suppress(ImportError):
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, ({MAX_PATTERN_CPU_SECONDS}, {MAX_PATTERN_CPU_SECONDS}))
from number_prediction.constraints.constraint import regex
regex(sys.argv[1])
"""


def parameters() -> dict[str, str]:
    """Name and description of each query parameter that gives a constraint."""
    described = {}
    for key in SPEC_KEYS:
        option = _option_of(key)
        described[option.parameter] = option.help.removeprefix("Constraint: ").capitalize()
    described["one_of"] = "One of these numbers, divided by commas."
    return described


def parse_query(query: Mapping[str, str]) -> Spec:
    """The constraints that query parameters give; {} if there are none.

    Raises:
        Problem: a value without meaning, or larger than the limits.
    """
    spec: dict[str, Any] = {}
    for key in SPEC_KEYS:
        option = _option_of(key)
        name = option.parameter
        if name not in query:
            continue
        try:
            spec[key] = _parse_value(name, query[name], option.parse)
        except ValueError as error:
            raise _refused(name, str(error)) from error
    for key in spec:
        refined = CONSTRAINTS[key].refines
        if refined and not any(each in spec for each in refined):
            names = " or ".join(_option_of(each).parameter for each in refined)
            raise _refused(_option_of(key).parameter, f"only refines {names}; give one of them too")
    return spec


def make_readers(make: Callable[[Spec], Reader]) -> Callable[[Spec], Reader]:
    """From constraints to readers: the same constraints give the same reader.

    The first call takes up to MAX_PATTERN_SECONDS. The function raises Problem if the constraints contradict
    each other or take longer.
    """

    @lru_cache(KEPT_READERS)
    def make_once(spec: str) -> Reader:
        values = json.loads(spec)
        if "regex" in values:
            _try_pattern(values["regex"])
        try:
            return make(values)
        except (ConstraintError, TypeError, ValueError) as error:
            raise Problem("invalid-value", f"query: {error}") from error

    return lambda spec: make_once(json.dumps(spec, sort_keys=True))


def _parse_value(name: str, text: str, parse: Callable[[str], Any]) -> Any:
    if name == "regex":
        return _at_most(text, MAX_PATTERN_CHARACTERS)
    if name == "one_of":
        texts = text.split(",")
        if len(texts) > MAX_TEXTS:
            raise ValueError(f"{len(texts):,} texts; send at most {MAX_TEXTS:,}")
        return [_at_most(each, MAX_TEXT_CHARACTERS) for each in texts]
    value = parse(_at_most(text, MAX_CHARACTERS))
    counts = value if isinstance(value, list) else [value]
    if any(isinstance(count, int) and count > MAX_COUNT for count in counts):
        raise ValueError(f"{text}: send at most {MAX_COUNT}")
    return value


def _at_most(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValueError(f"{len(text):,} characters; send at most {longest}")
    return text


def _option_of(key: str) -> ConstraintOption:
    option = CONSTRAINTS[key].option
    assert option is not None
    return option


def _refused(name: str, message: str) -> Problem:
    where = f"query.{name}"
    return Problem(
        "invalid-value", f"{where}: {message}", errors=[ValueProblem(where=where, message=message)]
    )


def _try_pattern(pattern: str) -> None:
    """Raise Problem if the automaton of a regular expression takes too long; other faults show later."""
    command = [sys.executable, "-c", _TRY_PATTERN, pattern]
    too_large = "stands for too many texts; write it shorter, or use digits"
    try:
        tried = subprocess.run(command, timeout=MAX_PATTERN_SECONDS, capture_output=True, check=False)
    except subprocess.TimeoutExpired as error:
        raise _refused("regex", too_large) from error
    except ValueError as error:
        raise _refused("regex", "holds a zero character; leave it out") from error
    if tried.returncode < 0:  # killed for its time
        raise _refused("regex", too_large)
