"""Whatever the API's description allows, and what it does not, is answered as it says, and never by a crash."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

pytest.importorskip("schemathesis", reason="needs schemathesis")
pytest.importorskip("fastapi", reason="needs iddkit[web]: fastapi is not installed")

import schemathesis
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks
from starlette.testclient import TestClient

from iddkit.qc.stages import Stage
from iddkit.qc.verify import verify
from iddkit.web.app import create_app
from iddkit.web.settings import Settings
from tests.qc_project import is_exploring
from tests.web_browsers import PASSWORD, bring, give_passwords, make_passwords_quick, make_street

#: Requests to each path, of each kind, by each person.
EXAMPLES = 150 if is_exploring() else 6

CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The application of a project with frames at several stages; it goes on changing."""
    store = make_street(tmp_path_factory.mktemp("schema"), {"B": 3, "C": 3})
    bring(store, 1, Stage.QC1)
    bring(store, 2, Stage.QC2)
    for number in (4, 5, 6):
        bring(store, number, Stage.READY)
    with pytest.MonkeyPatch.context() as patch:
        make_passwords_quick(patch)
        give_passwords(store)
        yield create_app(store, Settings(attempts=10**9))
    assert verify(store).findings == ()
    store.close()


def operations(app: Any) -> dict[str, Any]:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    found: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    return {f"{one.method.upper()} {one.path}": one for one in found}


@pytest.mark.parametrize("name", ["lea", "bo", "rex"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
def test_all_requests_are_answered_as_described(app: Any, name: str, mode: GenerationMode) -> None:
    seen: Counter[int] = Counter()
    for path, operation in operations(app).items():
        with TestClient(app, raise_server_exceptions=True) as client:
            _try_out(client, name, path, operation, mode, seen)
    assert set(seen) <= {200, 400, 401, 403, 404, 409, 413, 422}
    assert seen[200 if mode is GenerationMode.POSITIVE else 422] > 10
    print(name, mode, dict(seen))


def _try_out(
    client: TestClient, name: str, path: str, operation: Any, mode: GenerationMode, seen: Counter[int]
) -> None:
    strategy = operation.as_strategy(generation_mode=mode)

    @settings(max_examples=EXAMPLES, derandomize=not is_exploring())
    @given(case=strategy, number=st.integers(1, 6))
    def ask(case: Any, number: int) -> None:
        if mode is GenerationMode.POSITIVE and "number" in (case.path_parameters or {}):
            case.path_parameters["number"] = number  # there are few, and not one of all numbers would be met
        said = client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
        cookies, token = dict(client.cookies), said.json()["csrf"]
        answer = case.call(headers={"X-CSRF-Token": token}, cookies=cookies)
        seen[answer.status_code] += 1
        assert answer.status_code < 500, path
        case.validate_response(answer, checks=CHECKS)

    # A request that takes nothing cannot be made otherwise than described.
    with contextlib.suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else contextlib.nullcontext():
        ask()
