"""``iddkit qc serve``, ``link``: the review in a browser, and how people come in."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

import click

from iddkit.cli.qc import options
from iddkit.errors import OptionError, printable

if TYPE_CHECKING:
    from iddkit.qc.store.database import Store


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any that is free.")
@click.option("--certificate", type=click.Path(exists=True, dir_okay=False), help="TLS certificate, PEM.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="Its key, PEM.")
@click.option(
    "--trusted-proxy",
    metavar="ADDRESS",
    help="A proxy before the server that speaks HTTPS: what it says of the client's address is believed.",
)
@options.project
def serve(
    store: Store, host: str, port: int, certificate: str | None, key: str | None, trusted_proxy: str | None
) -> None:
    """Serve the review page and its HTTP API until Ctrl-C.

    People come in by a link that 'iddkit qc link' makes, and choose a password. The API is described at
    /api/v1/openapi.json. Nothing is loaded from elsewhere: it works offline.
    """
    try:
        import argon2  # noqa: F401 - what is missing is said here, and not to whoever signs in
        import uvicorn

        from iddkit.web.app import create_app
        from iddkit.web.settings import Settings
    except ModuleNotFoundError as error:
        raise OptionError(f"the review page needs {error.name}: pip install 'iddkit[web]'") from error
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key belong together")
    options.read_settings(store)
    is_secure = certificate is not None or trusted_proxy is not None
    if not is_secure and not _is_loopback(host):
        warning = "Warning: passwords travel unencrypted; give --certificate and --key, or a --trusted-proxy with TLS"
        click.echo(warning, err=True)
    config = uvicorn.Config(
        create_app(store, Settings(secure=is_secure)),
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        proxy_headers=trusted_proxy is not None,
        forwarded_allow_ips=trusted_proxy,
        server_header=False,
        log_level="warning",
        access_log=False,
        # Longer than proxies and clients keep a connection: what is sent as it is closed gets no answer.
        timeout_keep_alive=75,
    )
    listening = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if certificate is not None else "http"
    click.echo(f"{store.url}: {scheme}://{shown}:{listening.getsockname()[1]}, until Ctrl-C", err=True)
    with listening:
        uvicorn.Server(config).run(sockets=[listening])


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="How browsers reach the server.")
@options.as_lead
@options.project
def link(store: Store, names: tuple[str, ...], url: str, as_name: str | None) -> None:
    """Make a link for each NAME, by which they come in once and choose a password; earlier ones are void.

    It is good for three days. Who has it is taken for that person: send it to them alone.
    """
    from iddkit.qc import accounts, queue
    from iddkit.qc.queue.people import require_lead

    def link_one(name: str) -> bool:
        with store.writing() as work:
            require_lead(work, options.find_actor(work, as_name), "link")
            person = queue.find_person(work, name)
            token = accounts.make_link(work.connection, person, work.at)
        click.echo(f"{printable(person.name)}: {url.rstrip('/')}/welcome#{token}")
        return True

    options.do_each(names, link_one)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; OptionError if none can."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        # With its protocol named, asyncio sends what it has at once; without, answers wait 40 ms to be acknowledged.
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(100)  # who reads the line may come at once
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise OptionError(f"cannot listen at {host}, port {port}: {error.strerror or error}") from error
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
