"""Debian's Chromium for tests: who is signed in, and what went wrong in their pages."""

from __future__ import annotations

import shutil
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from iddkit.qc.store.database import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Response, Route

#: Where Debian and others have it.
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

#: No sandbox: tests run as root in containers. The others keep it from asking for anything but the page.
_ARGUMENTS: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)

#: The smallest screen on which the page has to work.
SCREEN: Final = {"width": 1366, "height": 768}

_AWAIT_FAILURE: Final = """async (path) => {
  while (await fetch(path, { cache: "no-store" }).then(() => true, () => false));
}"""


@contextmanager
def serving(store: Store) -> Iterator[str]:
    """Serve the review page of a project; yields its address."""
    import uvicorn

    from iddkit.web.app import create_app
    from iddkit.web.settings import Settings

    server = uvicorn.Server(uvicorn.Config(create_app(store, Settings(attempts=100)), log_level="warning"))
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def launch(playwright: Playwright) -> Browser:
    """Start a browser of its own."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))


class Visitor:
    """One who looks at the pages.

    Attributes
    ----------
    address
        Of the server.
    errors
        What no page may have: errors of scripts, what its policy refused, answers without one, crashes of the server,
        anything from elsewhere.
    requests
        The last requests of their pages, and how they ended.
    pressed
        How many keys they have pressed.
    """

    def __init__(self, browser: Browser, address: str, **settings: Any) -> None:
        self.address, self.errors, self.pressed = address, list[str](), 0
        self.requests = deque[str](maxlen=20)
        self.context: BrowserContext = browser.new_context(viewport=SCREEN, **settings)  # type: ignore[arg-type]
        self.context.set_default_timeout(15_000)
        self.page: Page = self.open()

    def open(self) -> Page:
        """Open a further page."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)
        page.on("response", self._inspect)
        page.on("request", lambda one: self.requests.append(f"{one.method} {one.url}"))
        page.on("requestfailed", lambda one: self.requests.append(f"{one.url}: {one.failure}"))
        page.on("dialog", lambda dialog: dialog.accept())
        return page

    def _hear(self, said: ConsoleMessage) -> None:
        # What cannot be loaded, without a network or where nothing is, tells on itself elsewhere.
        if said.type in ("error", "warning") and not said.text.startswith("Failed to load resource"):
            self.errors.append(f"{said.type}: {said.text}")

    def _inspect(self, answer: Response) -> None:
        if answer.url.startswith(("blob:", "data:")):
            return
        if answer.status >= 500 or not answer.url.startswith(self.address):
            self.errors.append(f"{answer.url}: {answer.status}")
        self.requests.append(f"{answer.url}: {answer.status}")
        wanted = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}
        policy = answer.headers.get("content-security-policy", "")
        is_guarded = "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        if not is_guarded or not wanted.items() <= answer.headers.items():
            self.errors.append(f"{answer.url}: {answer.headers}")

    def go(self, path: str) -> None:
        """Open a page of the server."""
        self.page.goto(self.address + path)

    def sign_in(self, name: str, password: str) -> None:
        """Sign in by the form."""
        self.go("/sign-in")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.locator("button:enabled", has_text="Sign in").wait_for()
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.address}/")

    def route(self, pattern: str, handle: Callable[[Route], Any]) -> None:
        """Have requests of the page answered by a function from now on.

        Chromium tells the page of it later than it says: a key that is pressed at once can come first.
        """
        self.page.route(pattern, handle)
        self.page.route("**/is-routed", lambda route: route.abort())
        self._await_failure("/is-routed")

    def cut(self) -> None:
        """Take the network away."""
        self.context.set_offline(True)
        self._await_failure("/static/icon.svg")

    def _await_failure(self, path: str) -> None:
        self.page.evaluate(_AWAIT_FAILURE, path)

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def await_frame(self, *, other_than: str = "") -> str:
        """Wait for a frame that can be judged or handed in; returns its key."""
        shown = self.page.locator("h1#key").filter(has_not_text=other_than or "\0")
        shown.wait_for()
        self.page.locator("#verdict:not([hidden]), #handin:not([hidden])").first.wait_for()
        return shown.inner_text()

    def tell(self) -> str:
        """Return where they are, and the last requests."""
        return "\n".join([self.page.url, *self.requests])

    def place(self) -> tuple[float, float, float]:
        """Return scale of the picture, and x and y of its corner on the canvas."""
        self.page.locator("canvas[data-view]").wait_for()
        text = self.page.locator("canvas").get_attribute("data-view") or ""
        scale, x, y = map(float, text.split())
        return scale, x, y

    def click_pixel(self, x: float, y: float) -> None:
        """Click on a pixel of the picture."""
        scale, left, top = self.place()
        self.page.locator("canvas").click(position={"x": left + (x + 0.5) * scale, "y": top + (y + 0.5) * scale})
