"""The visitor of a request. Runs are counted by the visitor's address."""

from __future__ import annotations

import ipaddress
import os
from typing import Any

from gradio.context import LocalContext

from siamese.training.jobs.job import Visitor


def visitor(owner: str, name: str = "") -> Visitor:
    """The visitor who caused the present event."""
    return Visitor(owner, address_of(LocalContext.request.get(None)), name)


def address_of(request: Any) -> str:
    """The address that a request came from, as the server or Hugging Face's proxy saw it; "" where there is none.

    Behind that proxy it is the last public address of X-Forwarded-For: the visitor may have invented the earlier ones.
    Elsewhere that header is ignored.
    """
    client = getattr(request, "client", None)
    host = str(getattr(client, "host", "") or "")
    if "SPACE_ID" in os.environ:
        for part in reversed(str(request.headers.get("x-forwarded-for", "")).split(",")):
            try:
                if ipaddress.ip_address(part.strip()).is_global:
                    return part.strip()
            except ValueError:
                continue
    return host
