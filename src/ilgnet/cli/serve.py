"""`ilgnet serve`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from ilgnet.cli.exits import EXIT_OK
from ilgnet.cli.options import model_options
from ilgnet.errors import require


@click.command()
@click.argument(
    "folder",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="[FOLDER]",
)
@click.option("--no-browser", is_flag=True, help="Print the page's address, open nothing.")
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
@click.option(
    "--max-megapixels",
    type=click.FloatRange(min=0.001),
    help="Pictures of the API with more than that have no score.  [default: 200]",
)
@model_options
def serve(
    folder: Path | None,
    no_browser: bool,
    api_only: bool,
    host: str,
    port: int,
    workers: int,
    hosts: tuple[str, ...],
    max_waiting: int | None,
    max_megapixels: float | None,
    model: str,
    threads: int | None,
) -> int:
    """Cull photographs in a page of the browser, and score pictures over HTTP.

    \b
      ilgnet serve photos/                        the page, for this machine's user alone
      ilgnet serve --api-only                     the API alone, at http://127.0.0.1:8765
      curl --data-binary @photo.jpg http://127.0.0.1:8765/v1/score
      ilgnet serve --api-only --host 0.0.0.0 --allow-host scores.example.org --workers 4

    The page's address holds a key that works once, in one browser. What is chosen there is in the
    catalogue at once, where `cull`, `stars` and `taste learn` know it; files are moved or written
    only by a plan that was shown, and `ilgnet undo` takes it back.

    With ILGNET_KEY in the environment, callers of the API have to show it (Authorization: Bearer
    KEY). The API is described at /v1/openapi.json. No address is ever fetched. Ctrl+C finishes what
    was accepted.
    """
    require("uvicorn", "serve", "the HTTP service")
    from ilgnet.serve.run import Address, listen
    from ilgnet.serve.run import serve as run
    from ilgnet.serve.session import Session
    from ilgnet.serve.settings import LOOPBACK, MB, Access, Limits, PageKey, Settings

    if api_only and folder is not None:
        raise click.UsageError("--api-only serves no page, so it takes no FOLDER.")
    if not api_only and (workers > 1 or host not in LOOPBACK):
        raise click.UsageError(
            "The page is for this machine's user alone: one worker, at a loopback address. "
            "Serve the API to others with --api-only."
        )
    limits = Limits() if max_waiting is None else Limits(queue=max_waiting, pictures=max_waiting)
    if max_megapixels is not None:
        limits = replace(limits, picture_pixels=round(max_megapixels * MB))
    page = None if api_only else PageKey()
    access = Access(os.environ.get("ILGNET_KEY"), (*LOOPBACK, host, *hosts), page)
    address = Address(host, port, workers)
    listener = listen(address)
    url = f"http://{host}:{listener.getsockname()[1]}"
    # The page shows what the model said that scored here last, unless another is asked for.
    asked = click.get_current_context().get_parameter_source("model")
    shown = None if asked == ParameterSource.DEFAULT else model
    session = None if page is None else Session(folder or Path(), shown, threads)
    if page is None:
        click.echo(f"ILGNet answers at {url}/v1/score", err=True)
    else:
        url = f"{url}/?key={page.once}"
        click.echo(f"Open once, in one browser: {url}", err=True)
        if not no_browser:
            click.launch(url)
    run(Settings(model, threads, limits, access), address, listener, session)
    return EXIT_OK
