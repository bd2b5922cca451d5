from datetime import timedelta
from typing import Any

from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf import json_format

from pilot.generators.envoy.http_protocol import KEY, Codec, HttpProtocol, extension_options


def options(protocol: HttpProtocol) -> Any:
    made = extension_options(protocol)
    assert made is not None
    return json_format.MessageToDict(HttpProtocolOptions.FromString(made[KEY].value))


def test_defaults_need_no_extension() -> None:
    assert extension_options(HttpProtocol()) is None


def test_http2_is_explicit() -> None:
    assert options(HttpProtocol(Codec.HTTP2, max_concurrent_streams=7)) == {
        "commonHttpProtocolOptions": {},
        "explicitHttpConfig": {"http2ProtocolOptions": {"maxConcurrentStreams": 7}},
    }
    assert options(HttpProtocol(max_concurrent_streams=7)) == {
        "commonHttpProtocolOptions": {},
        "explicitHttpConfig": {"httpProtocolOptions": {}},
    }


def test_the_clients_own_version_is_kept_for_sniffed_ports() -> None:
    assert options(HttpProtocol(Codec.DOWNSTREAM)) == {
        "useDownstreamProtocolConfig": {"http2ProtocolOptions": {}, "httpProtocolOptions": {}}
    }


def test_any_other_setting_says_http1_aloud() -> None:
    made = options(
        HttpProtocol(
            idle_timeout=timedelta(seconds=5),
            max_requests_per_connection=3,
            max_connection_duration=timedelta(minutes=1),
            auto_sni=True,
            auto_san_validation=True,
        )
    )

    assert made == {
        "commonHttpProtocolOptions": {
            "idleTimeout": "5s",
            "maxConnectionDuration": "60s",
            "maxRequestsPerConnection": 3,
        },
        "explicitHttpConfig": {"httpProtocolOptions": {}},
        "upstreamHttpProtocolOptions": {"autoSni": True, "autoSanValidation": True},
    }


def test_an_idle_timeout_of_zero_is_said() -> None:
    assert options(HttpProtocol(idle_timeout=timedelta()))["commonHttpProtocolOptions"] == {"idleTimeout": "0s"}


def test_the_case_of_headers_is_kept_in_http1() -> None:
    kept = options(HttpProtocol(Codec.HTTP1, preserve_case=True))["explicitHttpConfig"]["httpProtocolOptions"]
    sniffed = options(HttpProtocol(Codec.DOWNSTREAM, preserve_case=True))["useDownstreamProtocolConfig"]

    assert kept["headerKeyFormat"]["statefulFormatter"]["name"] == "preserve_case"
    assert sniffed["httpProtocolOptions"] == kept
    assert sniffed["http2ProtocolOptions"] == {}


def test_tunnels_allow_connect() -> None:
    assert options(HttpProtocol(Codec.HTTP2, allow_connect=True)) == {
        "explicitHttpConfig": {"http2ProtocolOptions": {"allowConnect": True}}
    }


def test_equal_settings_share_one_message() -> None:
    assert extension_options(HttpProtocol(Codec.HTTP2)) is extension_options(HttpProtocol(Codec.HTTP2))
