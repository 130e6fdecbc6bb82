"""Behind a proxy with a path prefix the page finds its own modules, for all their addresses are relative."""

from __future__ import annotations

import re

from siamese.ui.static_files import preload_links, static_path
from siamese.ui.train.live_chart import LiveChart


def test_no_address_of_a_module_begins_at_the_root_of_the_host() -> None:
    script = LiveChart().js_on_load or ""
    addresses = re.findall(r'href="([^"]+)"', preload_links()) + re.findall(r'new URL\("([^"]+)", document', script)
    assert addresses and all(address.startswith(f"{static_path()}/") for address in addresses)
