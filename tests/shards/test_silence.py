"""Clusters and frames of others are silent too: what they connect to, as the system sees it."""

from __future__ import annotations

import ipaddress
import re
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engines.test_silence import silent_environment
from tests.shards.collections import make_parquet, make_tar, planned, rows

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

EXAMPLES = Path(__file__).parents[2] / "examples/shards"
CALLS = "trace=connect,sendto,sendmsg,sendmmsg"
ADDRESS = re.compile(r'inet_(?:addr\("|pton\(AF_INET6, ")([0-9a-f.:]+)"')
SOCKET = re.compile(r"^\d+ +\w+\(\d+<(\w+):\[(?:\S*->\[?([0-9a-f.:]+?)\]?:\d+\]>)?")


def outside(log: str) -> list[str]:
    """Calls that reach for another machine: a connection, or a datagram that is sent.

    To connect a datagram socket sends nothing; Ray does so to learn this machine's address.
    """
    own = own_addresses()
    found = []
    for line in log.splitlines():
        named = SOCKET.match(line)
        datagrams = named is not None and named[1].startswith("UDP")
        if datagrams and " connect(" in line:
            continue
        texts = ADDRESS.findall(line) + ([named[2]] if named and named[2] else [])
        addresses = {plain(text) for text in texts}
        if any(not address.is_loopback for address in addresses - own):
            found.append(line)
    return found


def plain(text: str) -> Address:
    """An address; one of the older kind inside one of the newer is the older."""
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def own_addresses() -> set[Address]:
    """This machine's, as it would call itself towards others."""
    own = {plain(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)}
    for family, other in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((other, 9))
            own.add(plain(asking.getsockname()[0]))
    return own


def test_what_reaches_outside_is_seen() -> None:
    log = """\
12 connect(7<UDP:[11]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("8.8.8.8")}, 16) = 0
12 connect(7<TCP:[11]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
12 connect(7<TCP:[11]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("8.8.8.8")}, 16) = 0
12 sendto(7<UDP:[10.0.0.1:5->9.9.9.9:53]>, "x", 1, 0, NULL, 0) = 1
12 sendto(7<TCP:[127.0.0.1:5->127.0.0.1:53]>, "x", 1, 0, NULL, 0) = 1
12 sendto(7<TCPv6:[[::ffff:127.0.0.1]:5->[::ffff:127.0.0.1]:53]>, "x", 1, 0, NULL, 0) = 1
12 sendto(7<UDPv6:[[::1]:5->[2001:db8::7]:53]>, "y", 1, 0, NULL, 0) = 1
12 connect(7<UNIX-STREAM:[11]>, {sa_family=AF_UNIX, sun_path="/run/x"}, 16) = 0
"""  # noqa: E501
    assert [line.split('"')[1] for line in outside(log)] == ["8.8.8.8", "x", "y"]


@pytest.mark.parametrize("way", ["pool", "ray", "daft"])
def test_nothing_is_sent(way: str, tmp_path: Path, model: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace: apt-get install strace")
    job = planned([make_tar(tmp_path / "a.tar", 4)], tmp_path / "job", model)
    source = make_parquet(tmp_path / "train.parquet", 4)
    work = ["-m", "ilgnet", "shards", "work", job]
    command = {
        "pool": work,
        "ray": [*work, "--ray", "local", "--workers", "1"],
        "daft": [str(EXAMPLES / "daft_scores.py"), source, tmp_path / "scores", model],
    }[way]
    home, log = tmp_path / "home", tmp_path / "calls"
    home.mkdir()
    traced = ["strace", "-f", "--seccomp-bpf", "-yy", "-e", CALLS, "-o", str(log)]
    done = subprocess.run(
        [*traced, sys.executable, *map(str, command)],
        env={**silent_environment(home), "RAY_worker_niceness": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    calls = log.read_text(encoding="utf-8", errors="replace")
    assert calls, "strace saw not even the end of the process"
    assert outside(calls) == []
    assert way == "daft" or len(rows(job)) == 4
    left = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert left <= ({".ray/auth_token"} if way == "ray" else set()), "Ray's word to its own nodes"
