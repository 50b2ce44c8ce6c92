"""The application: the API, the pages, and what all of them pass."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

import iddkit
from iddkit.errors import RefusedError, StoreError, UserError, printable
from iddkit.qc.store.database import Store, read_identity
from iddkit.web import (
    api_batches,
    api_dashboard,
    api_frames,
    api_plants,
    api_session,
    api_tasks,
    api_work,
    overview_pages,
    pages,
)
from iddkit.web.attempts import Attempts
from iddkit.web.guards import Guards
from iddkit.web.refusals import REFUSALS, RefusedHandInError
from iddkit.web.rendering import render
from iddkit.web.settings import Settings
from iddkit.web.signing import Desk, find_signed_in

_STATIC: Final = Path(__file__).parent / "static"


def create_app(store: Store, settings: Settings | None = None) -> FastAPI:
    """Return the application for a project.

    Parameters
    ----------
    store
        Its database, which stays open as long as the application is used.
    settings
        Of the server.
    """
    settings = settings or Settings()
    app = FastAPI(
        title="iddkit review",
        version=iddkit.__version__,
        summary="The review of annotations by people: four stages, a log that is only added to.",
        docs_url=None,  # their scripts come from elsewhere, and this works offline
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        responses=REFUSALS,
    )
    with store.reading() as connection:
        project = read_identity(connection)
    desk = Desk(store, project, settings, Attempts(settings.attempts, settings.pause), ThreadPoolExecutor(1, "hash"))
    app.state.desk = desk
    app.add_middleware(
        Guards, most_bytes=settings.most_bytes, knows=lambda scope: find_signed_in(Request(scope), desk) is not None
    )
    app.add_exception_handler(UserError, _tell)
    app.add_exception_handler(HTTPException, _tell_missing)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    apis = (api_session, api_tasks, api_frames, api_work, api_batches, api_dashboard, api_plants)
    for module in (*apis, pages, overview_pages):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    return app


def _tell(_: Request, error: Exception) -> JSONResponse:
    """Answer with what a user can mend; where files lie is left out."""
    assert isinstance(error, UserError)
    status = 409 if isinstance(error, RefusedError) else 503 if isinstance(error, StoreError) else 422
    detail = ": ".join(part for part in (error.where, error.problem) if part)
    found = error.found if isinstance(error, RefusedHandInError) else {}
    return JSONResponse({"detail": detail, **found}, status_code=status)


async def _tell_missing(request: Request, error: Exception) -> Response:
    """Answer the API in JSON, and whoever looks at a page in a page."""
    assert isinstance(error, HTTPException)
    if request.url.path.startswith(("/api/", "/static/")):
        return await http_exception_handler(request, error)
    return render("missing.html", error.status_code, problem=str(error.detail))


def _tell_invalid(_: Request, error: Exception) -> JSONResponse:
    """Answer with what is wrong in a request, and where: not with what was sent, a password perhaps."""
    assert isinstance(error, RequestValidationError)
    found = [
        {"loc": [printable(str(part)) for part in one["loc"]], "msg": printable(one["msg"], 500), "type": one["type"]}
        for one in error.errors()
    ]
    return JSONResponse({"detail": found}, status_code=422)
