"""Views after a change of endpoints only: the same but for the endpoints, without looking at each proxy again.

In: the snapshot before and after, a view of the one before. Out: the view of the same proxies now. Where endpoints
decide more than endpoints (headless services, services without selector), there is none: it has to be built.
"""

from dataclasses import fields, replace

from pilot.model.snapshot import Snapshot
from pilot.view import build, listed_targets
from pilot.view.proxy_view import ProxyView

_ENDPOINTS = frozenset({"objects", "seen", "known", "endpoint_index"})
"""The parts of a snapshot that a change of endpoints replaces."""
_CLUSTERS = frozenset({"alone", "remotes"})
_OTHERS = tuple(each.name for each in fields(Snapshot) if each.name not in _ENDPOINTS | _CLUSTERS)


def differ_in_endpoints_only(before: Snapshot, now: Snapshot) -> bool:
    """Whether nothing else changed that a view is made from, in any cluster."""
    if before is now:
        return True
    if any(getattr(before, each) is not getattr(now, each) for each in _OTHERS):
        return False
    if listed_targets.depend_on_endpoints(now) or before.remotes.keys() != now.remotes.keys():
        return False
    if before.alone is not None and now.alone is not None and not differ_in_endpoints_only(before.alone, now.alone):
        return False
    return all(differ_in_endpoints_only(before.remotes[each], now.remotes[each]) for each in now.remotes)


def renew(view: ProxyView, now: Snapshot) -> ProxyView | None:
    """A view of a snapshot that differs in endpoints only, as it is now; None where it may differ in more."""
    if build.has_headless(view.scope) or view.attachments.takes_workloads:
        return None
    return replace(view, endpoints=now.endpoints)
