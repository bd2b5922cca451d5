"""Small worlds for analyses.

Comes in: YAML of some objects. Goes out: a store, and what an analysis says of it as (code, origin) pairs.
"""

from collections.abc import Iterator, Mapping

from pilot.analysis.documents import Broken, read
from pilot.analysis.engine import Analyzer
from pilot.analysis.item import Item
from pilot.analysis.message import Message, in_order
from pilot.analysis.store import Store, store

MESHED = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}"
FRUIT = """
{apiVersion: v1, kind: Service, metadata: {name: fruit, namespace: shop},
 spec: {selector: {app: fruit}, ports: [{name: http, port: 80}]}}
"""
POD = """
{apiVersion: v1, kind: Pod, metadata: {name: fruit-1, namespace: shop, labels: {app: fruit}},
 spec: {containers: [{name: app, image: a}, {name: istio-proxy, image: "hub/proxyv2:1"}]}}
"""


def items(*texts: str) -> Iterator[Item]:
    """The objects of some documents."""
    for each in read("all.yaml", "\n---\n".join(texts), "default"):
        assert not isinstance(each, Broken), str(each)
        yield each


def world(*texts: str, mesh: Mapping[str, object] | None = None) -> Store:
    """A store of them."""
    return store(items(*texts), mesh or {})


def messages(analyzer: Analyzer, *texts: str, mesh: Mapping[str, object] | None = None) -> list[Message]:
    """What one analyzer says."""
    return in_order(analyzer(world(*texts, mesh=mesh)))


def said(analyzer: Analyzer, *texts: str, mesh: Mapping[str, object] | None = None) -> list[tuple[str, str]]:
    """The same as code and origin."""
    return [(each.code, each.item.origin) for each in messages(analyzer, *texts, mesh=mesh)]
