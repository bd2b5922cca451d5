"""Values of annotations that injection reads."""

import pytest

from webhook.injection.annotations import check_annotations, parse_truth, parse_unsigned
from webhook.injection.errors import InvalidAnnotationsError

T = "traffic.sidecar.istio.io/"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sidecar.istio.io/interceptionMode", "TPROXY"),
        ("status.sidecar.istio.io/port", "0"),
        ("readiness.status.sidecar.istio.io/periodSeconds", "4294967295"),
        (f"{T}includeOutboundIPRanges", "*"),
        (f"{T}includeOutboundIPRanges", "10.0.0.0/8,fd00::/8"),
        (f"{T}excludeOutboundIPRanges", ""),
        (f"{T}includeInboundPorts", "*"),
        (f"{T}excludeOutboundPorts", "22,65535"),
        ("prometheus.istio.io/merge-metrics", "T"),
        ("proxy.istio.io/config", "concurrency: 2"),
        ("sidecar.istio.io/proxyCPU", "100m"),
        ("unheard.of/annotation", "\x00"),
    ],
)
def test_good_values_pass(name: str, value: str) -> None:
    check_annotations({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sidecar.istio.io/interceptionMode", "redirect"),
        ("status.sidecar.istio.io/port", "65536"),
        ("status.sidecar.istio.io/port", "-1"),
        ("readiness.status.sidecar.istio.io/failureThreshold", "x"),
        (f"{T}includeOutboundIPRanges", "10.0.0.0"),
        (f"{T}excludeOutboundIPRanges", "*"),
        (f"{T}excludeOutboundIPRanges", "10.0.0.0/33"),
        (f"{T}includeInboundPorts", "http"),
        (f"{T}excludeInboundPorts", "*"),
        ("prometheus.istio.io/merge-metrics", "yes"),
        ("proxy.istio.io/config", "statusPort: many"),
        ("sidecar.istio.io/proxyMemoryLimit", "lots"),
        ("sidecar.istio.io/proxyCPULimit", "1\n"),
    ],
)
def test_bad_values_are_named(name: str, value: str) -> None:
    with pytest.raises(InvalidAnnotationsError, match="1 error occurred") as caught:
        check_annotations({name: value})
    assert f"for annotation '{name}'" in str(caught.value)


def test_all_problems_are_told_together() -> None:
    with pytest.raises(InvalidAnnotationsError, match="2 errors occurred"):
        check_annotations({f"{T}includeInboundPorts": "a", "sidecar.istio.io/proxyCPU": "b"})


def test_truths_and_numbers_are_go_s() -> None:
    assert (parse_truth("t"), parse_truth("0")) == (True, False)
    with pytest.raises(ValueError, match='parsing "256": value out of range'):
        parse_unsigned("256", 8)
