from pilot.analysis.annotations import alpha, deprecated, placement, values
from tests.pilot.analysis.worlds import said


def thing(kind: str, annotation: str, labels: str = "") -> str:
    place = f"{{name: x, namespace: shop, annotations: {{{annotation}}}, labels: {{{labels}}}}}"
    return f"{{apiVersion: v1, kind: {kind}, metadata: {place}}}"


def test_annotations_are_known_and_where_they_mean_something() -> None:
    assert said(placement, thing("Pod", "sidecar.istio.io/logLevel: debug")) == []
    assert said(placement, thing("Service", "sidecar.istio.io/logLevel: debug")) == [("IST0107", "Service shop/x")]
    assert said(placement, thing("Pod", "sidecar.istio.io/notReal: a")) == [("IST0108", "Pod shop/x")]
    assert said(placement, thing("Pod", "example.test/any: a, internal.istio.io/x: y")) == []
    assert said(placement, thing("Service", "kubernetes.io/ingress.class: a")) == [("IST0107", "Service shop/x")]


def test_values_are_those_that_injection_takes() -> None:
    assert said(values, thing("Pod", "status.sidecar.istio.io/port: '15020'")) == []
    assert said(values, thing("Pod", "status.sidecar.istio.io/port: x")) == [("IST0125", "Pod shop/x")]


def test_what_will_go_away_is_told_unless_its_label_is_there() -> None:
    name = "sidecar.istio.io/inject"
    assert said(deprecated, thing("Pod", f"{name}: 'true'")) == [("IST0135", "Pod shop/x")]
    assert said(deprecated, thing("Pod", f"{name}: 'true'", f"{name}: 'true'")) == []


def test_what_may_change_is_told_who_asks() -> None:
    assert said(alpha, thing("Pod", "sidecar.istio.io/logLevel: debug")) == [("IST0136", "Pod shop/x")]
    assert said(alpha, thing("Pod", "proxy.istio.io/config: ''")) == []
