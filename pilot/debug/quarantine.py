"""`quarantine`: which versions of resources are withheld from which proxies, and why.

In: the quarantine. Out: a debug page.
"""

from pilot.debug.console import Entry
from pilot.status import refusals
from pilot.xds.quarantine import Quarantine


def entry(quarantine: Quarantine) -> Entry:
    """The page."""
    return Entry(
        "quarantine",
        "Resources that proxies refused, and what they are served instead.",
        lambda _: refusals.rows(quarantine),
    )
