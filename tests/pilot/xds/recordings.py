"""Recorded conversations with istiod, turned into requests for a session; its responses, put into their words."""

from collections.abc import Mapping
from typing import Any

import yaml
from envoy.service.discovery.v3 import discovery_pb2

from pilot.resources import ResourceSet
from pilot.type_urls import (
    CLUSTER,
    ENDPOINT,
    EXTENSION_CONFIG,
    HEALTH,
    LISTENER,
    NAME_TABLE,
    ROUTE,
    TypeUrl,
)
from pilot.xds.requests import Request
from pilot.xds.session import Response, Session
from tests.pilot.xds.worlds import World, anything, name_in, node
from tests.shared import shared_path

DEBUG = TypeUrl("istio.io/debug")
UNKNOWN = TypeUrl("type.googleapis.com/somebody.Thing")

SHORT = {
    "CDS": CLUSTER,
    "EDS": ENDPOINT,
    "LDS": LISTENER,
    "RDS": ROUTE,
    "NDS": NAME_TABLE,
    "ECDS": EXTENSION_CONFIG,
    "HEALTH": HEALTH,
    "DEBUG": DEBUG,
    "UNKNOWN": UNKNOWN,
}
APP = "default.svc.cluster.local"
DIFFERENT: Mapping[tuple[str, str], list[tuple[str, list[str]]]] = {
    # Clusters that are all sent again may all warm: their endpoints follow at once, not with the next ACK.
    ("sotw", "CDS asked again without nonce"): [("CDS", ["all"]), ("EDS", [f"outbound|9080||details.{APP}"])],
    ("sotw", "EDS ACK after CDS was asked again"): [],
    # xDS protocol: a name that is asked for is answered. Envoy asks again for what it forgot.
    ("delta", "EDS subscribe one again"): [("EDS", [f"outbound|9080||reviews.{APP}"])],
    # A wish is said once; a nonce that is no longer the last one says nothing about it.
    ("delta", "EDS stale nonce with subscribe"): [("EDS", [f"outbound|9080||ratings.{APP}"])],
    # Only endpoints whose cluster was sent, and those of the line before.
    ("delta", "CDS subscribe * explicitly"): [
        ("CDS", ["all"]),
        ("EDS", [f"outbound|9080||{name}.{APP}" for name in ("details", "ratings", "reviews")]),
    ],
}


class Istiodlike(World):
    """Knows every name of endpoints and routes that somebody asks for, as istiod does."""

    def resources_for(self, proxy: object, type_url: TypeUrl, names: frozenset[str] | None) -> ResourceSet | None:
        if type_url in (ENDPOINT, ROUTE):
            self.put(type_url, *(anything(type_url, name) for name in sorted(names or ())))
        return super().resources_for(proxy, type_url, names)


def recorded(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load(shared_path("aux", "protocol", f"{name}.yaml").read_text())
    return loaded


def recorded_world(steps: list[dict[str, Any]]) -> World:
    """What istiod had: the longest list of each type that it sent."""
    world = Istiodlike({each: {} for each in SHORT.values()})
    for step in steps:
        for message in step["receive"]:
            if message.get("type") in ("CDS", "LDS"):
                type_url = SHORT[message["type"]]
                world.put(type_url, *(anything(type_url, name) for name in message["resources"]))
    world.put(NAME_TABLE, anything(NAME_TABLE, "", "table"))
    return world


def to_request(step: Mapping[str, Any], session: Session, delta: bool) -> Request:
    send = step["send"]
    type_url = SHORT[send["type"]]
    watch = session.watches.get(type_url)
    nonces = {None: "", "last": (watch.nonce if watch else None) or "", "stale": "of another stream"}
    return Request(
        type_url,
        nonces[send.get("nonce")],
        send.get("error"),
        frozenset(send.get("subscribe" if delta else "names", ())),
        frozenset(send.get("unsubscribe", ())),
        send.get("versions", {}),
        node() if send.get("node", True) else None,
    )


def as_recorded(response: Response, delta: bool) -> dict[str, Any]:
    """A response in the words of the recordings."""
    short = {type_url: name for name, type_url in SHORT.items()}[response.type_url]
    if delta:
        message = discovery_pb2.DeltaDiscoveryResponse.FromString(response.data)
        # istiod leaves the versions of resources empty; ours let a client come back cheaply.
        assert all(each.version for each in message.resources)
        listed = sorted(each.name for each in message.resources)
        told = {"removed": list(message.removed_resources), "resourceVersions": "empty"}
        return {"type": short, "resources": listed, **told, "nonce": True, "systemVersion": True}
    message = discovery_pb2.DiscoveryResponse.FromString(response.data)
    listed = sorted(name_in(each) for each in message.resources)
    if response.type_url in (NAME_TABLE, EXTENSION_CONFIG, UNKNOWN):
        listed = [f"{len(message.resources)} resources"]
    return {"type": short, "resources": listed, "version": True, "nonce": True}
