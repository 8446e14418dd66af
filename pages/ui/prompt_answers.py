"""Answers that leave at once.

Streamlit 1.67 makes its listening socket without naming TCP, and asyncio switches Nagle's algorithm off only where TCP
is named. So of an answer in two parts the second waits until the browser has acknowledged the first, which an operating
system puts off for 40 ms: at each rerun of each page.
"""

from __future__ import annotations

import os
import socket
import stat
from functools import cache

_TCP = (socket.AF_INET, socket.AF_INET6)


@cache
def send_at_once() -> None:
    """Switches Nagle's algorithm off for every TCP socket of this process; later connections inherit it (on Linux)."""
    try:
        handles = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return  # No Linux: pages come 40 ms later, and that is all.
    for handle in handles:
        try:
            if not stat.S_ISSOCK(os.fstat(handle).st_mode):
                continue
            # A second handle of the same socket: closing it closes nothing else.
            with socket.fromfd(handle, socket.AF_INET, socket.SOCK_STREAM) as ours:
                family = ours.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)
                if ours.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == socket.IPPROTO_TCP and family in _TCP:
                    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            continue  # Closed meanwhile.
