"""What the service's own OpenAPI allows or forbids is sent; answers are those that it promises."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from onlineml.detectors import ADWIN
from onlineml.evaluation.worker.service import Service
from onlineml.learners import GaussianNB

pytest.importorskip("fastapi")
schemathesis = pytest.importorskip("schemathesis")

from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402

from onlineml.integrations.serve import make_app  # noqa: E402 - after the extra is there

PHASES = [phase for phase in Phase if phase not in (Phase.shrink, Phase.explain)]
KEY = "sesame"
HEADERS = {"X-API-Key": KEY, "Host": "127.0.0.1"}

#: What fits the description may not fit the model (other columns, text for a number), and bounds
#: of whole numbers are floats in there.
NOT_MEANT = [positive_data_acceptance]


def description():
    """The service's description of itself, with the application behind it."""
    service = Service(GaussianNB(), window=10, drift=ADWIN())
    service.learn([({"load": i % 9}, i % 9 > 4, i) for i in range(90)])
    app = make_app(service, key=KEY)
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS)


OPERATIONS = [found.ok() for found in description().get_all_operations()]
MODES = schemathesis.GenerationMode
CASES = [(one, mode) for one in OPERATIONS for mode in MODES if one.body or mode is MODES.POSITIVE]


@pytest.mark.parametrize(
    ("operation", "mode"), CASES, ids=lambda part: getattr(part, "label", part)
)
def test_answers_are_those_of_the_description(operation, mode):
    @given(operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck), phases=PHASES
    )
    def fuzz(case):
        case.call_and_validate(headers=HEADERS, excluded_checks=NOT_MEANT)

    fuzz()
