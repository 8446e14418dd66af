"""Nagle's algorithm is switched off on sockets that were made without naming TCP, as Streamlit makes its own."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from pages.ui.prompt_answers import send_at_once


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds its sockets in /proc")
def test_a_connection_that_is_open_and_one_that_comes_later() -> None:
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        first.connect(listening.getsockname())
        with listening.accept()[0] as accepted:
            assert not _at_once(accepted)
            send_at_once.__wrapped__()
            assert _at_once(accepted) and _at_once(first)
            second.connect(listening.getsockname())
            with listening.accept()[0] as later:
                assert _at_once(later)
            accepted.sendall(b"still open")
            assert first.recv(10) == b"still open"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds its sockets in /proc")
def test_no_handle_is_left_open() -> None:
    """A second handle of a pipe would keep its reader waiting for an end that never comes."""
    reading, writing = os.pipe()
    with socket.socket(socket.AF_UNIX) as local, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        before = set(os.listdir("/proc/self/fd"))
        send_at_once.__wrapped__()
        assert set(os.listdir("/proc/self/fd")) == before
        assert local.fileno() >= 0 and datagrams.fileno() >= 0
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


def _at_once(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
