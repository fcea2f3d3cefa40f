"""The API as callers see it, over real connections."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ilgnet.report.rows import COLUMNS, row
from ilgnet.scoring import load
from ilgnet.serve.settings import Access, Limits
from ilgnet.values import ImageRef
from tests.serve.conftest import Start, encoded

KEY = "a-key-of-sixteen-letters"


def form(*contents: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [
        ("pictures", (f"{place}.png", content, "image/png"))
        for place, content in enumerate(contents)
    ]


def expected(model: Path, name: str, content: bytes) -> dict[str, object]:
    (outcome,) = load(model, threads=1).score_many([ImageRef(name, content)])
    return row(outcome)


def without_percentile(given: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in given.items() if name != "run_percentile"}


def test_a_picture_as_it_is(ask: httpx.Client, model: Path) -> None:
    picture = encoded(90, "JPEG")
    answer = ask.post("/v1/score", content=picture, headers={"content-type": "image/jpeg"})
    assert answer.status_code == 200
    (given,) = answer.json()["rows"]
    assert list(given) == list(COLUMNS)
    assert without_percentile(given) == without_percentile(expected(model, "picture", picture))


def test_a_picture_that_cannot_be_read_has_its_reason(ask: httpx.Client) -> None:
    for content, code in (
        (b"", "empty"),
        (b"no picture", "unsupported_format"),
        (encoded(9)[:60], None),
    ):
        answer = ask.post("/v1/score", content=content)
        assert answer.status_code == 422
        (given,) = answer.json()["rows"]
        assert given["score"] is None
        assert given["error"]["code"] == code or code is None


def test_many_pictures_keep_their_order_and_names(ask: httpx.Client, model: Path) -> None:
    contents = [encoded(200), b"broken", encoded(20), encoded(120)]
    answer = ask.post("/v1/score", files=form(*contents))
    assert answer.status_code == 200
    rows = answer.json()["rows"]
    assert [given["path"] for given in rows] == ["0.png", "1.png", "2.png", "3.png"]
    assert [given["score"] is None for given in rows] == [False, True, False, False]
    for given, content in zip(rows, contents, strict=True):
        wanted = expected(model, given["path"], content)
        assert without_percentile(given) == without_percentile(wanted)


def test_rows_are_streamed_as_lines(ask: httpx.Client) -> None:
    headers = {"accept": "application/x-ndjson"}
    with ask.stream(
        "POST", "/v1/score", files=form(*map(encoded, range(20))), headers=headers
    ) as s:
        assert s.headers["content-type"].startswith("application/x-ndjson")
        rows = [json.loads(line) for line in s.iter_lines()]
    assert [given["path"] for given in rows] == [f"{place}.png" for place in range(20)]
    assert all(given["score"] for given in rows)


def test_rank_is_best_first_with_failures_last(ask: httpx.Client) -> None:
    files = form(encoded(20), b"broken", encoded(200), encoded(120))
    rows = ask.post("/v1/rank", files=files).json()["rows"]
    assert [given["path"] for given in rows] == ["2.png", "3.png", "0.png", "1.png"]
    best = ask.post("/v1/rank", files=files, params={"top": 1}).json()["rows"]
    assert [given["path"] for given in best] == ["2.png", "1.png"]
    assert best[0]["run_percentile"] == rows[0]["run_percentile"]
    assert ask.post("/v1/rank", files=files, params={"top": 0}).status_code == 400


@pytest.mark.parametrize(
    ("limits", "contents", "words"),
    [
        (Limits(picture_bytes=50), [encoded(1)], "a picture has at most 50 bytes"),
        (Limits(request_bytes=400), [encoded(1)] * 9, "a request has at most 400 bytes"),
        (Limits(pictures=3, queue=3), [encoded(1)] * 4, "at most 3 pictures"),
    ],
)
def test_too_much_is_refused(
    start: Start, limits: Limits, contents: list[bytes], words: str
) -> None:
    url = start(limits=limits)
    answer = httpx.post(f"{url}/v1/score", files=form(*contents))
    assert answer.status_code == 413
    assert words in answer.json()["detail"]
    if "bytes" in words:
        chunks = iter([b"x" * 300] * 4)  # no length is announced
        assert httpx.post(f"{url}/v1/score", content=chunks).status_code == 413


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_more_pixels_than_the_service_takes_are_told(start: Start, format: str) -> None:
    limits = Limits(picture_pixels=1200)
    url = start(limits=limits)
    fits, large = encoded(90, format, (40, 30)), encoded(90, format, (41, 30))
    assert httpx.post(f"{url}/v1/score", content=fits).status_code == 200
    answer = httpx.post(f"{url}/v1/score", content=large)
    assert answer.status_code == 422
    error = answer.json()["rows"][0]["error"]
    assert error["code"] == "too_large"
    assert "41 x 30 is 0.0012 megapixels; the limit here is 0.0012" in error["message"]
    both = httpx.post(f"{url}/v1/score", files=form(large, fits)).json()["rows"]
    assert [row["score"] is None for row in both] == [True, False]


def test_an_answer_waits_for_nobodys_word(ask: httpx.Client) -> None:
    """Without TCP_NODELAY the body would wait for the delayed word of its head, 40 ms."""
    ask.post("/v1/score", content=b"x")
    took = [ask.post("/v1/score", content=b"x").elapsed.total_seconds() for _ in range(20)]
    assert min(took) < 0.03


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=y", "the form cannot be read"),
        (b"", "multipart/form-data; boundary=y", "no file called 'pictures'"),
        (b"nonsense", "multipart/form-data", "the form cannot be read"),
    ],
)
def test_forms_that_are_none(ask: httpx.Client, content: bytes, kind: str, words: str) -> None:
    answer = ask.post("/v1/score", content=content, headers={"content-type": kind})
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


def test_a_slow_sender_is_sent_away(start: Start) -> None:
    url = httpx.URL(start(limits=Limits(receive_seconds=0.2)))
    with socket.create_connection((url.host, url.port), timeout=30) as connection:
        head = f"POST /v1/score HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode() + b"a few bytes")
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_full_queue_says_when_to_ask_again(start: Start) -> None:
    url = start(limits=Limits(queue=40, pictures=40), threads=1)
    large = encoded(90, "JPEG", (3000, 2000))

    def post(_: int) -> httpx.Response:
        return httpx.post(f"{url}/v1/score", files=form(*[large] * 30), timeout=120)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(post, range(6)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert httpx.post(f"{url}/v1/score", content=encoded(1)).status_code == 200
    counts = httpx.get(f"{url}/metrics").text
    assert f"ilgnet_pictures_refused_total {30.0 * len(refused)}" in counts


def test_a_key_is_asked_for_where_there_is_one(start: Start) -> None:
    url = start(access=Access(KEY))
    assert httpx.get(f"{url}/healthz").status_code == 200
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}):
        for path in ("/v1/score", "/v1/openapi.json", "/metrics"):
            answer = httpx.post(f"{url}{path}", headers=headers, content=encoded(1))
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
    shown = {"authorization": f"Bearer {KEY}"}
    assert httpx.post(f"{url}/v1/score", headers=shown, content=encoded(1)).status_code == 200


def test_only_its_own_names_and_pages(ask: httpx.Client) -> None:
    here = ask.base_url.netloc.decode()
    port = ask.base_url.port
    for host, status in (
        (here, 200),
        (f"localhost:{port}", 200),
        ("evil.example", 421),  # a name that was made to lead here (DNS rebinding)
        (f"evil.example:{port}", 421),
        ("127.0.0.1.evil.example", 421),
    ):
        answer = ask.post("/v1/score", content=encoded(1), headers={"host": host})
        assert answer.status_code == status, host
    for origin, status in (
        (f"http://{here}", 200),
        ("http://evil.example", 403),
        ("null", 403),
        (f"http://127.0.0.1:{port + 1}", 403),
        (f"http://{here}.evil.example", 403),
    ):
        answer = ask.post("/v1/score", content=encoded(1), headers={"origin": origin})
        assert answer.status_code == status, origin


def test_requests_have_names(ask: httpx.Client) -> None:
    given = ask.get("/healthz", headers={"x-request-id": "order-66"})
    assert given.headers["x-request-id"] == "order-66"
    made = {ask.get("/healthz").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    refused = ask.get("/v1/openapi.json", headers={"host": "evil.example"})
    assert refused.headers["x-request-id"]


def test_health_readiness_and_counts(ask: httpx.Client) -> None:
    assert ask.get("/healthz").json() == {"status": "ok"}
    ready = ask.get("/readyz").json()
    assert ready["status"] == "ready"
    assert ready["model"]
    ask.post("/v1/score", files=form(encoded(1), b"broken"))
    text = ask.get("/metrics").text
    assert 'ilgnet_pictures_total{result="scored"} 1.0' in text
    assert 'ilgnet_pictures_total{result="unsupported_format"} 1.0' in text
    assert 'ilgnet_requests_total{route="/v1/score",status="200"} 1.0' in text
    ask.get("/nonesuch/with/a/secret")
    assert "secret" not in ask.get("/metrics").text


def test_who_leaves_is_not_waited_for(start: Start) -> None:
    """The pictures of callers that have left are passed over, so the next one has its turn."""
    url = httpx.URL(start(threads=1))
    large = encoded(90, "JPEG", (3000, 2000))
    for _ in range(5):
        with socket.create_connection((url.host, url.port), timeout=30) as connection:
            head = f"POST /v1/score HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {len(large)}"
            connection.sendall(f"{head}\r\n\r\n".encode() + large)
    assert httpx.post(f"{url}/v1/score", content=encoded(1), timeout=60).status_code == 200
    assert httpx.get(f"{url}/readyz").json()["waiting"] == 0
