from google.protobuf import json_format

from pilot.generators.waypoint.forward_proxy import cluster_type, http_filter, sni_filter
from pilot.view.proxy import IpMode

CACHE = {"name": "*.a.b_dfp_dns_cache", "dnsLookupFamily": "V4_ONLY"}


def test_cluster_and_filters_share_one_cache_of_names() -> None:
    cluster = json_format.MessageToDict(cluster_type("*.a.b", IpMode.V4))
    sni = json_format.MessageToDict(sni_filter("*.a.b", IpMode.V4, 443))

    assert cluster["typedConfig"]["dnsCacheConfig"] == CACHE
    assert (sni["typedConfig"]["dnsCacheConfig"], sni["typedConfig"]["portValue"]) == (CACHE, 443)


def test_the_filter_cannot_be_left_out() -> None:
    assert http_filter("*.a.b", IpMode.V4).required
