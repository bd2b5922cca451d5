from typing import Any

from envoy.config.listener.v3.listener_components_pb2 import Filter
from google.protobuf import json_format

from pilot.generators.envoy import hcm
from pilot.generators.envoy.hcm import ProxyContext, proxy_context
from pilot.generators.envoy.http_filters import Side
from pilot.model.extension_provider import Empty
from pilot.model.features import Features
from pilot.model.proxy_config import (
    Disabled,
    Enabled,
    ForwardClientCertDetails,
    ProxyConfig,
    ProxyHeaders,
    ServerHeader,
    SetCurrentClientCertDetails,
    Topology,
)
from tests.pilot.generators.worlds import TAGS, context


def manager(side: Side = Side.OUTBOUND, known: ProxyContext | None = None, **more: Any) -> Any:
    made = hcm.with_rds(known or context(), side, "prefix;", "80", **more)
    return json_format.MessageToDict(Filter.FromString(made))["typedConfig"]


def with_headers(**headers: Any) -> ProxyContext:
    return context(config=ProxyConfig(proxy_headers=ProxyHeaders(**headers)))


def test_routes_are_asked_for_by_name_over_the_same_stream() -> None:
    made = manager()

    assert made["rds"] == {
        "configSource": {"ads": {}, "initialFetchTimeout": "0s", "resourceApiVersion": "V3"},
        "routeConfigName": "80",
    }
    assert made["statPrefix"] == "prefix;"


def test_an_outbound_manager_trusts_nothing_and_names_no_server() -> None:
    made = manager()

    assert made["useRemoteAddress"] is False
    assert "serverName" not in made
    assert "forwardClientCertDetails" not in made


def test_a_gateway_knows_who_is_in_front_of_it() -> None:
    made = manager(Side.GATEWAY)
    topology = Topology(
        num_trusted_proxies=2,
        forward_client_cert_details=ForwardClientCertDetails.FORWARD_ONLY,
        proxy_protocol=Empty(),
    )
    behind = manager(Side.GATEWAY, context(config=ProxyConfig(gateway_topology=topology)))

    assert made["useRemoteAddress"] is True
    assert made["forwardClientCertDetails"] == "SANITIZE_SET"
    assert made["setCurrentClientCertDetails"] == {"subject": True, "cert": True, "dns": True, "uri": True}
    assert made["httpProtocolOptions"] == {}
    assert behind["xffNumTrustedHops"] == 2
    assert behind["forwardClientCertDetails"] == "FORWARD_ONLY"
    assert "setCurrentClientCertDetails" not in behind
    told = manager(Side.GATEWAY, with_headers(forwarded_client_cert=ForwardClientCertDetails.SANITIZE))
    assert told["forwardClientCertDetails"] == "SANITIZE_SET"  # the header settings are those of sidecars


def test_an_inbound_manager_says_who_the_client_is() -> None:
    made = manager(Side.INBOUND)
    changed = manager(
        Side.INBOUND,
        with_headers(
            forwarded_client_cert=ForwardClientCertDetails.SANITIZE,
            set_current_client_cert_details=SetCurrentClientCertDetails(subject=False, cert=True, uri=False),
        ),
    )

    assert made["serverName"] == "istio-envoy"
    assert made["forwardClientCertDetails"] == "APPEND_FORWARD"
    assert made["setCurrentClientCertDetails"] == {"subject": True, "dns": True, "uri": True}
    assert "forwardClientCertDetails" not in changed
    assert changed["setCurrentClientCertDetails"] == {"subject": False, "cert": True, "dns": True}


def test_headers_of_the_proxy_can_be_changed() -> None:
    named = manager(known=with_headers(server=ServerHeader(value="mine"), request_id=Disabled(disabled=True)))
    quiet = manager(
        Side.INBOUND, with_headers(server=ServerHeader(disabled=True), x_forwarded_port=Enabled(enabled=True))
    )

    assert named["serverName"] == "mine"
    assert named["generateRequestId"] is False
    assert quiet["serverHeaderTransformation"] == "PASS_THROUGH"
    assert "serverName" not in quiet
    assert quiet["appendXForwardedPort"] is True


def test_paths_are_normalised_as_the_mesh_says() -> None:
    def paths(kind: str) -> list[Any]:
        made = manager(known=context(f"pathNormalization: {{normalization: {kind}}}"))
        return [made["normalizePath"], made.get("mergeSlashes"), made["pathWithEscapedSlashesAction"]]

    assert paths("NONE") == [False, None, "KEEP_UNCHANGED"]
    assert paths("BASE") == [True, None, "KEEP_UNCHANGED"]
    assert paths("MERGE_SLASHES") == [True, True, "KEEP_UNCHANGED"]
    assert paths("DECODE_AND_MERGE_SLASHES") == [True, True, "UNESCAPE_AND_FORWARD"]


def test_idle_connections_end_as_the_node_says() -> None:
    assert manager(known=context(idle_timeout="5m"))["commonHttpProtocolOptions"] == {"idleTimeout": "300s"}
    assert "commonHttpProtocolOptions" not in manager(known=context(idle_timeout="whenever"))


def test_old_http_is_taken_where_it_is_wanted() -> None:
    assert manager(known=context(http10=True))["httpProtocolOptions"] == {"acceptHttp10": True}
    assert manager(known=context(features=Features(http10=True)))["httpProtocolOptions"] == {"acceptHttp10": True}


def test_a_forward_proxy_takes_absolute_urls() -> None:
    assert manager(proxy=True)["httpProtocolOptions"] == {"allowAbsoluteUrl": True}


def test_the_context_is_the_same_for_equal_tags() -> None:
    first = context()
    again = proxy_context(first.mesh, first.config, first.features, first.traits, TAGS)

    assert again is first
    assert first.untagged is first.untagged
    assert first.untagged is not first
