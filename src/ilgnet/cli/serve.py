"""`ilgnet serve`."""

from __future__ import annotations

import os

import click

from ilgnet.cli.exits import EXIT_OK
from ilgnet.cli.options import model_options
from ilgnet.errors import require


@click.command()
@click.option("--api-only", is_flag=True, help="Only the API, without the page; for containers.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8765, show_default=True, help="The port; 0 takes any.")
@click.option("--workers", default=1, show_default=True, help="Processes.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name by which the service may be called, beside this machine's own.",
)
@click.option("--max-waiting", type=click.IntRange(min=1), help="Pictures that may wait.")
@model_options
def serve(
    api_only: bool,
    host: str,
    port: int,
    workers: int,
    hosts: tuple[str, ...],
    max_waiting: int | None,
    model: str,
    threads: int | None,
) -> int:
    """Score pictures over HTTP.

    \b
      ilgnet serve --api-only                     at http://127.0.0.1:8765
      curl --data-binary @photo.jpg http://127.0.0.1:8765/v1/score
      ilgnet serve --api-only --host 0.0.0.0 --allow-host scores.example.org --workers 4

    With ILGNET_KEY in the environment, callers have to show it (Authorization: Bearer KEY). The API
    is described at /v1/openapi.json. No address is ever fetched. Ctrl+C finishes what was accepted.
    """
    require("uvicorn", "serve", "the HTTP service")
    from ilgnet.serve.run import Place, listen
    from ilgnet.serve.run import serve as run
    from ilgnet.serve.settings import LOOPBACK, Access, Limits, Settings

    limits = Limits() if max_waiting is None else Limits(queue=max_waiting, pictures=max_waiting)
    access = Access(os.environ.get("ILGNET_KEY"), (*LOOPBACK, host, *hosts))
    place = Place(host, port, workers)
    listener = listen(place)
    click.echo(f"ILGNet answers at http://{host}:{listener.getsockname()[1]}/v1/score", err=True)
    run(Settings(model, threads, limits, access), place, listener)
    return EXIT_OK
