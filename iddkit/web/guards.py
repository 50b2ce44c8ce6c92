"""What every request passes: its size, its origin, and what a browser may do with the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Nothing from elsewhere, no script or style that is not a file of ours, in no other site's frame.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


#: Bytes of a body that holds no file: JSON takes thirty times as much when it is read, and that before anyone is asked
#: who sends it.
MOST_WORDS: Final = 2**20

#: The same of a body whose JSON holds a file.
MOST_JSON: Final = 4 * 2**20


class Guards:
    """Refuses bodies that are too large, while they come, and adds the headers of `HEADERS` to every answer.

    Parameters
    ----------
    app
        What answers.
    most_bytes
        Of a body that is a file.
    knows
        Whether somebody who is signed in sends a request: from nobody else a file is taken.
    """

    def __init__(self, app: App, most_bytes: int, knows: Callable[[Scope], bool]) -> None:
        self._app, self._most, self._knows = app, most_bytes, knows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a page of its own kind states a policy of its own
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        most = await self._allow(scope)
        stated = Headers(scope=scope).get("content-length", "0")
        if not stated.isdecimal() or int(stated[:20]) > most:
            await _too_large(most)(scope, receive, answer)
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return  # gone before it had said all
            body += message.get("body", b"")
            if len(body) > most:
                await _too_large(most)(scope, receive, answer)
                return
            if not message.get("more_body", False):
                break
        told = False

        async def again() -> MutableMapping[str, Any]:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, again, answer)

    async def _allow(self, scope: Scope) -> int:
        """Return how many bytes a body may have."""
        files = {"/annotation": self._most, "/plants": MOST_JSON}
        most = next((most for ending, most in files.items() if scope["path"].endswith(ending)), MOST_WORDS)
        if most > MOST_WORDS and scope["method"] == "POST" and not await run_in_threadpool(self._knows, scope):
            most = MOST_WORDS
        return min(self._most, most)


def _too_large(most: int) -> JSONResponse:
    return JSONResponse({"detail": f"more than {most} bytes"}, status_code=413, headers={"Connection": "close"})
