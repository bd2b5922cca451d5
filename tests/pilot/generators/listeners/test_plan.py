from typing import Any

from pilot.generators.listeners.plan import HttpChain, PlannedListener, plan_listeners
from pilot.view.proxy_view import ProxyView
from tests.pilot.generators import worlds
from tests.pilot.generators.worlds import view


def service(name: str, port: int, protocol: str, address: str = "", kind: str = "", **more: str) -> str:
    ip = f"clusterIP: {address}, " if address else ""
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{{ip}selector: {{app: {name}}}, ports: [{{name: {protocol}, port: {port}}}]}}
"""


def entry(name: str, *ports: tuple[int, str], addresses: str = "") -> str:
    listed = ", ".join(f"{{name: p{number}, number: {number}, protocol: {protocol}}}" for number, protocol in ports)
    at = f"addresses: [{addresses}], " if addresses else ""
    return f"""
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec: {{hosts: [{name}.com], {at}ports: [{listed}], resolution: STATIC, endpoints: [{{address: 1.1.1.1}}]}}
"""


def planned(seen: ProxyView, headless: Any = None, own: str = "") -> dict[str, PlannedListener]:
    made = plan_listeners(seen.scope, worlds.context(), {}, headless or {}, own)
    return {f"{each.binds[0]}_{each.port}": each for each in made}


def chains(listener: PlannedListener) -> list[str]:
    return ["http" if isinstance(each, HttpChain) else ",".join(each.match.sni) or "tcp" for each in listener.chains]


def test_http_services_of_a_port_share_a_listener() -> None:
    made = planned(view(service("a", 80, "http", "10.0.0.1") + service("b", 80, "http", "10.0.0.2")))

    assert list(made) == ["0.0.0.0_80"]
    assert [str(origin) for origin in made["0.0.0.0_80"].origins] == ["Service default/a"]


def test_bytes_after_http_are_added_to_it() -> None:
    made = planned(view(entry("a", (80, "HTTP")) + entry("b", (80, "TCP"))))["0.0.0.0_80"]

    assert chains(made) == ["http", "tcp"]
    assert len(made.origins) == 2


def test_http_after_bytes_is_added_to_them() -> None:
    assert chains(planned(view(entry("a", (80, "TCP")) + entry("b", (80, "HTTP"))))["0.0.0.0_80"]) == ["tcp", "http"]


def test_names_tell_tls_services_of_a_port_apart() -> None:
    made = planned(view(entry("a", (443, "TLS")) + entry("b", (443, "TLS"))))["0.0.0.0_443"]

    assert chains(made) == ["a.com", "b.com"]


def test_of_two_services_that_nothing_tells_apart_the_first_counts() -> None:
    made = planned(view(entry("a", (90, "TCP")) + entry("b", (90, "TCP"))))["0.0.0.0_90"]

    assert [str(origin) for origin in made.origins] == ["ServiceEntry default/a"]


def test_a_sniffed_port_takes_bytes_and_http() -> None:
    made = planned(view(service("a", 6000, "any", "10.0.0.1")))["10.0.0.1_6000"]

    assert chains(made) == ["tcp", "http"]


def test_sniffing_would_break_servers_that_speak_first() -> None:
    made = planned(view(entry("a", (3306, "MYSQL")) + entry("b", (3306, "HTTP"))))["0.0.0.0_3306"]

    assert chains(made) == ["tcp"]


def test_http_on_a_chosen_address_takes_everything_there() -> None:
    sidecar = """
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec:
  egress:
  - {port: {number: 81, protocol: HTTP, name: a}, bind: 127.0.0.1, captureMode: NONE, hosts: ["*/*"]}
  - {hosts: ["*/*"]}
"""
    made = planned(view(service("a", 81, "http", "10.0.0.1") + sidecar))

    assert made["127.0.0.1_81"].bound
    assert not made["127.0.0.1_81"].chains[0].match.protocols
    assert not made["0.0.0.0_81"].bound


def test_egress_listeners_with_ports_are_left_alone_by_those_without() -> None:
    sidecar = """
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec:
  egress:
  - {port: {number: 80, protocol: HTTP, name: a}, hosts: ["./a.default.svc.cluster.local"]}
  - hosts: ["*/*"]
"""
    made = planned(view(service("a", 80, "http", "10.0.0.1") + entry("b", (80, "TCP")) + sidecar))

    assert chains(made["0.0.0.0_80"]) == ["http"]


HEADLESS = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp, port: 5432}]}
"""


def test_a_headless_service_has_a_listener_for_each_endpoint_but_the_proxys_own() -> None:
    key = ("db.default.svc.cluster.local", "default", "tcp")
    made = planned(view(HEADLESS), {key: (("10.1.0.1",), ("10.1.0.2", "fd00::2"))}, "10.1.0.1")

    assert list(made) == ["10.1.0.2_5432"]
    assert made["10.1.0.2_5432"].binds == ("10.1.0.2", "fd00::2")
    assert planned(view(HEADLESS)) == {}


def test_a_plan_that_comes_out_the_same_is_the_same() -> None:
    known, objects = worlds.context(), service("a", 80, "http", "10.0.0.1")
    first, second = view(objects), view(objects + service("z", 80, "http", "10.0.0.9"))
    again = view(objects)
    plans = [plan_listeners(each.scope, known, {}, {}, "") for each in (first, second, first)]

    assert first.scope is not second.scope
    assert plans[0] is plans[2]
    assert plan_listeners(again.scope, known, {}, {}, "")[0].binds == plans[1][0].binds == ("0.0.0.0",)
