"""The names of this program's own settings, which are switched on, and which of those that are set are none.

The doctor reads this under an older Python than the program needs, and with nothing installed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

SETTINGS = (
    "IMGEN_CERT", "IMGEN_HOSTS", "IMGEN_HUB_REPO", "IMGEN_KEY", "IMGEN_LAN", "IMGEN_LOG", "IMGEN_LONGEST", "IMGEN_MCP",
    "IMGEN_METRICS", "IMGEN_MIRROR", "IMGEN_PASSWORD", "IMGEN_RAY", "IMGEN_RAY_GPUS", "IMGEN_RAY_REPLICAS",
)


def switched_on(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").strip().lower() not in ("", "0", "no", "off", "false")


def misspelt(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The `name` of each that is none of ours, and one `like` it that is."""
    for name in sorted(environment):
        if name.startswith("IMGEN_") and name not in SETTINGS:
            yield {"name": name, "like": difflib.get_close_matches(name, SETTINGS, 1, 0)[0]}
