"""The service and the page, measured: throughput, latency, a soak, and 50,000 photographs.

    python benchmarks/serve/run.py [--only throughput|latency|soak|page] [--seconds 60]

Writes results/NAME.json for what was measured, and README.md from all of them. Everything runs on
this machine, clients too, so they share its cores with the service.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import platform
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.speed.pictures import make_pictures

import ilgnet
from ilgnet.report.rows import row

RESULTS = Path(__file__).parent / "results"
CLIENTS = 200
PAGE_PHOTOGRAPHS = 50_000


@contextmanager
def service(*options: object, cache: Path | None = None) -> Iterator[tuple[str, int]]:
    """A service as a user starts it; yields its address and process id."""
    command = [sys.executable, "-m", "ilgnet", "serve", *map(str, options), "--port", "0"]
    environment = {**os.environ, **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://\S+", line)
    assert found, line + process.stderr.read()
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        yield found[0].removesuffix("/v1/score"), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


def throughput(folder: Path) -> dict[str, Any]:
    """Pictures a second by the service at saturation and by the command line, in turn."""
    paths = make_pictures(folder / "pictures", 8)["12MP"] * 10
    bodies = [path.read_bytes() for path in paths]
    ratios, rates, costs = [], [], []
    with service("--api-only") as (address, pid):
        host = address.removeprefix("http://")

        def post_share(share: list[bytes]) -> None:
            connection = http.client.HTTPConnection(host, timeout=300)
            for body in share:
                connection.request("POST", "/v1/score", body)
                answer = connection.getresponse()
                assert answer.status == 200, answer.read()
                answer.read()

        def by_service() -> tuple[float, float]:
            start, worked = time.perf_counter(), processor_seconds(pid) + time.process_time()
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(post_share, [bodies[n::4] for n in range(4)]))
            worked = processor_seconds(pid) + time.process_time() - worked
            return len(bodies) / (time.perf_counter() - start), worked

        def by_command() -> tuple[float, float]:
            scorer = ilgnet.load()
            start, worked = time.perf_counter(), time.process_time()
            assert len(list(scorer.score_many(paths))) == len(paths)
            return len(paths) / (time.perf_counter() - start), time.process_time() - worked

        by_service()
        by_command()
        for _ in range(5):
            (served, costs_served), (scored, costs_scored) = by_service(), by_command()
            ratios.append(served / scored)
            costs.append(costs_scored / costs_served)
            rates.append(served)
    return {
        "pictures": "8 JPEGs of 12 megapixels, made, ten times",
        "connections": 4,
        "share of the command line's rate": summary(ratios),
        "share by processor time, clients' included": summary(costs),
        "pictures a second": summary(rates),
        "bar": "at least 0.85",
    }


def latency(folder: Path) -> dict[str, Any]:
    """What a single request at rest takes longer than scoring the same bytes in the process."""
    (path,) = make_pictures(folder / "one", 1)["12MP"]
    body = path.read_bytes()
    scorer = ilgnet.load()
    added, spent = [], []
    with service("--api-only") as (address, pid):
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)

        def ask() -> float:
            start = time.perf_counter()
            connection.request("POST", "/v1/score", body)
            connection.getresponse().read()
            return time.perf_counter() - start

        def score() -> float:
            start = time.perf_counter()
            scorer.score(body)
            return time.perf_counter() - start

        for _ in range(5):
            ask()
            score()
        for _ in range(6):  # the system counts processor time in hundredths of a second
            worked = processor_seconds(pid) + time.process_time()
            asked = [ask() for _ in range(20)]
            between = processor_seconds(pid) + time.process_time()
            scored = [score() for _ in range(20)]
            after = processor_seconds(pid) + time.process_time()
            added += [1000 * (one - other) for one, other in zip(asked, scored, strict=True)]
            spent.append(1000 * ((between - worked) - (after - between)) / 20)
    return {
        "picture": f"a JPEG of 12 megapixels, {len(body) / 1e6:.1f} MB",
        "added milliseconds": summary(added),
        "added milliseconds of processor time, the client's included": summary(spent),
        "bar": "under 10 ms at the median",
    }


def soak(folder: Path, seconds: float) -> dict[str, Any]:
    """Many clients at once: pictures, garbage, slow senders, early leavers."""
    samples = sorted((Path(ilgnet.__file__).parent / "samples").glob("*.jpg"))
    scorer = ilgnet.load()
    wanted = {}
    for path in samples:
        outcome = scorer.score(path.read_bytes())
        wanted[path.read_bytes()] = {**row(outcome), "run_percentile": None, "path": None}
    counts = dict.fromkeys(("right", "wrong", "refused with a reason", "left early", "broken"), 0)
    took: list[float] = []
    peaks: list[float] = []
    with service("--api-only") as (address, pid):
        host, _, port = address.removeprefix("http://").partition(":")

        async def client(number: int, end: float) -> None:
            rng = random.Random(number)
            while time.monotonic() < end:
                body = rng.choice(list(wanted))
                kind = rng.choices(["picture", "garbage", "slow", "leaver"], [70, 10, 10, 10])[0]
                if kind == "garbage":
                    body = rng.randbytes(2000)
                start = time.monotonic()
                try:
                    await exchange(kind, body, rng)
                except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                    counts["broken"] += 1
                    print("broken:", repr(error), file=sys.stderr)
                if kind == "picture":
                    took.append(time.monotonic() - start)

        async def exchange(kind: str, body: bytes, rng: random.Random) -> None:
            reader, writer = await asyncio.open_connection(host, int(port))
            head = f"POST /v1/score HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
            try:
                if kind == "slow":
                    for start in range(0, len(body), max(1, len(body) // 10)):
                        writer.write(body[start : start + max(1, len(body) // 10)])
                        await writer.drain()
                        await asyncio.sleep(rng.uniform(0, 0.1))
                else:
                    writer.write(body[: len(body) // 2] if kind == "leaver" else body)
                    await writer.drain()
                if kind == "leaver":
                    counts["left early"] += 1
                    return
                answer = await reader.read()
            finally:
                writer.close()
            status = int(answer.split(b" ", 2)[1])
            text = answer.partition(b"\r\n\r\n")[2]
            note(status, json.loads(text), body)

        def note(status: int, given: dict[str, Any], body: bytes) -> None:
            if status in (429, 503) and "detail" in given:
                counts["refused with a reason"] += 1
            elif body in wanted:
                found = {**given["rows"][0], "run_percentile": None, "path": None}
                counts["right" if (status, found) == (200, wanted[body]) else "wrong"] += 1
            else:
                right = status == 422 and given["rows"][0]["error"] is not None
                counts["right" if right else "wrong"] += 1

        async def watch(end: float) -> None:
            while time.monotonic() < end:
                peaks.append(memory_of(pid))
                await asyncio.sleep(0.5)

        async def all_clients() -> None:
            end = time.monotonic() + seconds
            await asyncio.gather(watch(end), *(client(n, end) for n in range(CLIENTS)))

        asyncio.run(all_clients())
    took.sort()
    return {
        "clients": CLIENTS,
        "seconds": seconds,
        "answers": counts,
        "seconds for a picture, median": round(statistics.median(took), 3),
        "seconds for a picture, 99 of 100": round(took[int(0.99 * len(took))], 3),
        "memory in MB, first and highest": [round(peaks[0]), round(max(peaks))],
        "bar": "no wrong answer, no crash, memory bounded",
    }


def processor_seconds(pid: int) -> float:
    """What a process has used until now."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> float:
    """The resident memory of a process in MB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert found
    return int(found[1]) / 1000


def page(folder: Path) -> dict[str, Any]:
    """50,000 photographs in Chromium: first paint, scrolling, memory, keys."""
    import sqlite3

    from playwright.sync_api import sync_playwright
    from tests.library.made_up import make_catalogue

    from ilgnet.serve.views import Views, make_view

    root, cache = folder / "library", folder / "cache"
    root.mkdir()
    make_catalogue(root, PAGE_PHOTOGRAPHS, 64)
    os.environ["XDG_CACHE_HOME"] = str(cache)
    Views(1).close()  # makes the file of views
    samples = sorted((Path(ilgnet.__file__).parent / "samples").glob("*.jpg"))
    tiles = [make_view(path, 320) for path in samples]
    large = [make_view(path, 2560) for path in samples]
    place = next(root.rglob("catalogue.db"))
    with sqlite3.connect(place) as catalogue:
        contents = [found[0] for found in catalogue.execute("SELECT sha256 FROM contents")]
    with sqlite3.connect(cache / "ilgnet" / "views.db") as views:
        rows = ((c, 320, 1, tiles[n % len(tiles)]) for n, c in enumerate(contents))
        views.executemany("INSERT INTO views VALUES (?, ?, ?, ?)", rows)
        rows = ((c, 2560, 1, large[n % len(large)]) for n, c in enumerate(contents[:400]))
        views.executemany("INSERT INTO views VALUES (?, ?, ?, ?)", rows)
    arguments = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --enable-precise-memory-info "
        "--disable-background-networking --disable-component-update --disable-sync"
    ).split()
    with service(root, "--no-browser", cache=cache) as (address, _), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        start = time.perf_counter()
        tab.goto(address)
        tab.wait_for_selector("html[data-ready=yes]", timeout=120_000)
        loaded = time.perf_counter() - start
        painted = tab.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        tab.wait_for_timeout(1500)
        frames = tab.evaluate(SCROLL)
        memory = tab.evaluate("performance.memory.usedJSHeapSize") / 1e6
        nodes = tab.evaluate("document.getElementsByTagName('*').length")
        tab.evaluate("document.getElementById('grid').scrollTop = 0")
        tab.wait_for_timeout(500)
        tab.evaluate("document.querySelector('.tile.focus').focus()")
        tab.keyboard.press("Enter")
        tab.wait_for_timeout(1500)
        keys = sorted(tab.evaluate(KEYS))
        decided = sorted(tab.evaluate(DECIDE))
        browser.close()
    return {
        "photographs": PAGE_PHOTOGRAPHS,
        "milliseconds to the first paint": round(painted),
        "seconds until everything is there": round(loaded, 2),
        "scrolling, milliseconds a frame": {
            "median": round(statistics.median(frames), 1),
            "95 of 100": round(sorted(frames)[int(0.95 * len(frames))], 1),
            "frames over 50 ms": sum(frame > 50 for frame in frames),
            "frames": len(frames),
        },
        "memory of the page's script in MB": round(memory),
        "elements in the document": nodes,
        "key to painted next photograph, ms": {
            "median": round(statistics.median(keys), 1),
            "95 of 100": round(keys[int(0.95 * len(keys))], 1),
        },
        "decision until it is durable, ms": {
            "median": round(statistics.median(decided), 1),
            "95 of 100": round(decided[int(0.95 * len(decided))], 1),
            "99 of 100": round(decided[int(0.99 * len(decided))], 1),
        },
        "bar": "first paint 1 s, few frames dropped, key to paint 50 ms, durable within 50 ms",
    }


SCROLL = """() => new Promise((done) => {
    const grid = document.getElementById("grid");
    const frames = [];
    let last = performance.now();
    const tick = (now) => {
        frames.push(now - last);
        last = now;
        // Half a window a frame, here and there on the way from the top to the bottom.
        grid.scrollTop += frames.length % 100 ? grid.clientHeight / 2 : grid.scrollHeight / 12;
        const more = grid.scrollTop + grid.clientHeight < grid.scrollHeight - 1;
        if (more && frames.length < 1000) requestAnimationFrame(tick);
        else done(frames.slice(1));
    };
    requestAnimationFrame(tick);
})"""

KEYS = """async () => {
    const times = [];
    for (let turn = 0; turn < 60; turn += 1) {
        const painted = new Promise((done) => document.addEventListener(
            // The second frame begins when the one that shows it is done.
            "painted",
            () => requestAnimationFrame(() => requestAnimationFrame(done)), {once: true}));
        const start = performance.now();
        document.dispatchEvent(new KeyboardEvent("keydown",
            {key: "ArrowRight", code: "ArrowRight", bubbles: true, cancelable: true}));
        await painted;
        times.push(performance.now() - start);
        await new Promise((done) => setTimeout(done, 120));
    }
    return times;
}"""

DECIDE = """async () => {
    const times = [];
    const saved = document.getElementById("saved");
    for (let turn = 0; turn < 200; turn += 1) {
        const start = performance.now();
        document.dispatchEvent(new KeyboardEvent("keydown",
            {key: "p", code: "KeyP", bubbles: true, cancelable: true}));
        await new Promise((done) => {
            const look = () => saved.textContent === "Saved" && done();
            new MutationObserver(look).observe(saved, {childList: true});
            look();
        });
        times.push(performance.now() - start);
        await new Promise((done) => setTimeout(done, 100));
    }
    return times;
}"""


def summary(values: list[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def page_of_results() -> str:
    """README.md from the results, so that no figure is copied by hand."""
    lines = [
        "# The service and the page",
        "",
        "`python benchmarks/serve/run.py` measures the service against the command line on the",
        "same pictures in turn, a request at rest, 200 clients of all manners, and a library of",
        "50,000 photographs in Chromium. Clients, browser and service share the machine's cores.",
        "Written by [run.py](run.py) from [results](results).",
    ]
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        lines += ["", f"## {path.stem}", "", result["conditions"] + ".", "", "| | |", "|---|---|"]
        for name, value in result["figures"].items():
            lines.append(f"| {name} | {_cell(value)} |")
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    """Measure what was asked for, or everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=["throughput", "latency", "soak", "page"])
    parser.add_argument("--seconds", type=float, default=60, help="of the soak")
    given = parser.parse_args()
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "throughput": throughput,
        "latency": latency,
        "soak": lambda folder: soak(folder, given.seconds),
        "page": page,
    }
    RESULTS.mkdir(exist_ok=True)
    for name, part in parts.items():
        if given.only not in (None, name):
            continue
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder:
            figures = part(Path(folder))
        conditions = (
            f"{date.today()}, {os.cpu_count()} cores, load {load:.1f} before, "
            f"Python {platform.python_version()}"
        )
        text = json.dumps({"conditions": conditions, "figures": figures}, indent=2)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(name, json.dumps(figures, indent=2))
    (RESULTS.parent / "README.md").write_text(page_of_results(), encoding="utf-8")


if __name__ == "__main__":
    main()
