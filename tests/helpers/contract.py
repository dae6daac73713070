"""Requests made from the OpenAPI document, right and wrong ones, whose answers must be what it says."""

from __future__ import annotations

import base64
import logging
from collections import Counter

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig

from number_prediction.images.formats import PICTURE_TYPES
from number_prediction.web.documentation import OPENAPI_PATH
from tests.helpers.uploads import encode, seven

PICTURES = st.tuples(st.integers(1, 60), st.integers(1, 60)).map(lambda size: encode(seven(*size)))

for _media_type in PICTURE_TYPES:  # what a picture is, its content says
    schemathesis.openapi.media_type(_media_type, PICTURES)
schemathesis.openapi.format("binary", PICTURES)
schemathesis.openapi.format("png-base64", PICTURES.map(lambda picture: base64.b64encode(picture).decode()))


CONFIG = SchemathesisConfig.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": [400, 403, 404, 405, 413, 415, 421, 422]}}}
)
"""A request that the document does not allow is refused with one of these, also for its size."""


def check_contract(address: str, *, cases: int) -> Counter[int]:
    """Send requests to a server, half of them wrong; raises where an answer breaks the contract.

    Returns:
        How many answers had which status.
    """
    logging.getLogger("schemathesis").setLevel(logging.ERROR)
    schema = schemathesis.openapi.from_url(f"{address}{OPENAPI_PATH}", config=CONFIG)
    statuses: Counter[int] = Counter()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @settings(
            max_examples=cases // 2,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=schema.as_strategy(generation_mode=mode))
        def check(case: Case) -> None:
            statuses[case.call_and_validate().status_code] += 1

        check()
    return statuses
