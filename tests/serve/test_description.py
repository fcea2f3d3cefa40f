"""Schemathesis tries the API against its own OpenAPI description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from ilgnet.serve.app import create_app
from ilgnet.serve.settings import Access, Settings
from tests.tiny_model import make_tiny_model

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> Any:
    model: Path = make_tiny_model(tmp_path_factory.mktemp("model"))
    hosts = ("127.0.0.1", "localhost", "testserver")
    app = create_app(Settings(str(model), 1, access=Access(hosts=hosts)))
    return schemathesis.openapi.from_asgi("/v1/openapi.json", app)


def test_no_answer_is_outside_its_description(described: Any) -> None:
    # Not schemathesis' own parametrize: its plugin does not know pytest 9's nodes.
    operations = [found.ok() for found in described.get_all_operations()]
    assert {operation.path for operation in operations} >= {"/v1/score", "/v1/rank", "/metrics"}
    for operation in operations:

        @settings(max_examples=25)
        @given(case=operation.as_strategy())
        def holds(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        holds()
