"""The address at which others in the room reach this server, and its QR code."""

from __future__ import annotations

import ipaddress
import os
import socket

import segno

from siamese.ui.settings import Settings

# Addresses of private networks, and one that belongs to nobody (RFC 5737). A UDP socket sends nothing when it connects,
# but it then knows which address of this machine it would use.
_TARGETS = ("192.0.2.1", "10.255.255.255", "192.168.255.255", "172.31.255.255")


def is_room(settings: Settings) -> bool:
    """Whether other machines can reach this server: it listens on the network, or is a Space."""
    return settings.space or settings.share or not is_loopback(settings.host)


def is_loopback(host: str) -> bool:
    """Whether this name or address always means the machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def reachable_address(settings: Settings, port: int) -> str:
    """The address of the page for other machines, with "http://" or "https://"."""
    if space := os.environ.get("SPACE_HOST"):
        return f"https://{space}"
    host = settings.host
    if host in ("0.0.0.0", "::", ""):
        host = _own_address() or socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _own_address() -> str | None:
    for target in _TARGETS:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target, 9))
                host = probe.getsockname()[0]
            except OSError:  # no route to it
                continue
        if not is_loopback(host) and host != "0.0.0.0":
            return host
    return None


def qr_rows(address: str) -> list[str]:
    """The QR code of an address: a string of 0 and 1 for each row, without the white margin."""
    code = segno.make_qr(address, error="m")
    return ["".join("1" if module else "0" for module in row) for row in code.matrix]
