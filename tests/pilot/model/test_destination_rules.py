from typing import Any

from msgspec.structs import replace

from pilot.model.destination_rule import MergedRule
from pilot.model.destination_rules import merge_rules, select_inbound, select_outbound
from pilot.model.mesh import MeshConfig
from pilot.model.snapshot import Snapshot
from pilot.resources import Origin
from tests.pilot.model.meshes import edit, mesh_of, only, remove, settings

WEB = "web.app.svc.cluster.local"


def rule(name: str, spec: str, namespace: str = "app", created: str = "2024-01-01T00:00:00Z") -> str:
    return f"""---
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "{created}"}}
spec: {{{spec}}}
"""


def found(snapshot: Snapshot, client: str, host: str = WEB, namespace: str = "app", **labels: str) -> str | None:
    selected = select_outbound(snapshot.rules.find(client, host, namespace), client, labels)
    return selected.origin.name if selected else None


def test_the_clients_namespace_comes_first_then_the_services_then_root() -> None:
    texts = {
        "client": rule("client", f"host: {WEB}", "client"),
        "app": rule("app", "host: web"),
        "istio-system": rule("root", f"host: {WEB}", "istio-system"),
    }
    snapshot = mesh_of("".join(texts.values()))
    assert found(snapshot, "client") == "client"
    assert found(snapshot, "other") == "app"
    assert found(mesh_of(texts["istio-system"]), "other") == "root"
    assert found(mesh_of(texts["client"]), "other") is None


def test_within_a_namespace_the_most_specific_host_wins_over_a_later_level() -> None:
    snapshot = mesh_of(
        rule("wide", "host: '*.svc.cluster.local'", "client")
        + rule("wider", "host: '*'", "client")
        + rule("exact", "host: web")
    )
    assert found(snapshot, "client") == "wide"
    assert found(snapshot, "client", "ext.com", "ext") == "wider"
    assert found(snapshot, "app") == "exact"


def test_who_does_not_see_a_rule_gets_another() -> None:
    snapshot = mesh_of(
        rule("private", "host: web, exportTo: [.]")
        + rule("to-b", "host: web, exportTo: [b]")
        + rule("root", "host: '*.app.svc.cluster.local'", "istio-system")
    )
    assert found(snapshot, "app") == "private"
    assert found(snapshot, "b") == "to-b"
    assert found(snapshot, "c") == "root"


def test_a_rule_for_others_hides_wider_ones_of_its_namespace_and_a_private_one_does_not() -> None:
    wide = rule("wide", "host: '*.app.svc.cluster.local'")
    assert found(mesh_of(wide + rule("to-b", "host: web, exportTo: [b]")), "c") is None
    assert found(mesh_of(wide + rule("private", "host: web, exportTo: [.]")), "c") == "wide"


def test_proxies_of_the_root_namespace_prefer_only_private_rules_of_theirs() -> None:
    snapshot = mesh_of(rule("app", "host: web") + rule("root", f"host: {WEB}", "istio-system"))
    assert found(snapshot, "istio-system") == "app"
    private, _ = edit(snapshot, rule("root", f"host: {WEB}, exportTo: [.]", "istio-system"))
    assert found(private, "istio-system") == "root"


def test_the_mesh_default_says_who_sees_a_rule() -> None:
    snapshot = mesh_of(rule("app", "host: web"), MeshConfig(default_destination_rule_export_to=(".",)))
    assert found(snapshot, "app") == "app"
    assert found(snapshot, "other") is None


def merged(text: str, **features: Any) -> tuple[MergedRule, ...]:
    snapshot = mesh_of(text, None, **features)
    return snapshot.rules.find("app", WEB, "app")


def test_rules_of_one_host_are_one() -> None:
    (made,) = merged(
        rule("b", "host: web, subsets: [{name: v2}, {name: v1, labels: {x: y}}], trafficPolicy: {tls: {mode: SIMPLE}}")
        + rule("a", "host: web.app.svc.cluster.local, subsets: [{name: v1}]")
        + rule("c", "host: web, trafficPolicy: {tls: {mode: DISABLE}}")
    )
    assert made.origin == Origin("DestinationRule", "app", "a")
    assert [each.name for each in made.origins] == ["a", "b", "c"]
    assert [(each.name, dict(each.labels)) for each in made.subsets] == [("v1", {}), ("v2", {})]
    assert made.traffic_policy is not None
    assert made.traffic_policy.tls is not None
    assert made.traffic_policy.tls.mode == "SIMPLE"


def test_the_oldest_rule_comes_first() -> None:
    (made,) = merged(rule("b", "host: web", created="2023-01-01T00:00:00Z") + rule("a", "host: web"))
    assert made.origin.name == "b"


def test_rules_for_other_audiences_stay_apart() -> None:
    text = rule("a", "host: web, exportTo: ['*']") + rule("b", "host: web, exportTo: [.]")
    assert [each.origin.name for each in merged(text)] == ["a", "b"]
    assert len(merged(text, enhanced_destination_rule_merge=False)) == 1


SELECTING = rule("all", "host: web") + rule("some", "host: web, workloadSelector: {matchLabels: {app: x}}")


def test_a_rule_for_some_workloads_is_for_them_only() -> None:
    snapshot = mesh_of(SELECTING)
    assert found(snapshot, "app", app="x") == "some"
    assert found(snapshot, "app", app="y") == "all"
    assert found(snapshot, "other", app="x") == "all"
    assert snapshot.rules.selected_labels("app") == ("app",)
    assert snapshot.rules.selected_labels("other") == ()
    rules = snapshot.rules.find("app", WEB, "app")
    assert [each.origin.name for each in rules] == ["some", "all"]
    inbound = select_inbound(rules)
    assert inbound is not None
    assert inbound.origin.name == "all"


def test_of_several_rules_for_everybody_the_last_counts() -> None:
    snapshot = mesh_of(rule("a", "host: web, exportTo: ['*']") + rule("b", "host: web, exportTo: [.]"))
    assert found(snapshot, "app") == "b"
    assert select_inbound(()) is None


def test_which_namespaces_see_what_everybody_sees() -> None:
    rules = mesh_of(rule("a", "host: web, exportTo: [b]")).rules
    assert not rules.is_plain("app")
    assert not rules.is_plain("b")
    assert not rules.is_plain("istio-system")
    assert rules.is_plain("c")
    assert rules.hosts("") == {WEB}
    assert rules.hosts("b") == {WEB}
    assert rules.hosts("c") == frozenset()


def test_repeated_subsets_are_problems() -> None:
    snapshot = mesh_of(
        rule("a", "host: web, subsets: [{name: v1}, {name: v1}]") + rule("b", "host: web, subsets: [{name: v1}]")
    )
    assert [str(each.key) for each in snapshot.problems] == ["DestinationRule app/a", "DestinationRule app/b"]


def test_an_edit_elsewhere_leaves_a_namespace_alone() -> None:
    snapshot = mesh_of(rule("a", "host: web") + rule("b", "host: web", "other"))
    changed, change = edit(snapshot, rule("b", "host: api", "other"))
    assert changed.rules.namespaces["app"] is snapshot.rules.namespaces["app"]
    assert change.full
    assert change.updated == {Origin("DestinationRule", "other", "b")}


def test_the_last_rule_leaves_nothing_behind() -> None:
    snapshot, _ = remove(mesh_of(rule("a", "host: web")), "DestinationRule", "app", "a")
    assert snapshot.rules.namespaces == {}
    assert snapshot.problems == ()


def test_a_rule_without_host_is_a_problem() -> None:
    declared = only(rule("a", "host: web"))
    nameless = replace(declared, spec=replace(declared.spec, host=""))
    merged_rules, (problem,) = merge_rules([nameless], "app", settings())
    assert merged_rules.rules == ()
    assert problem.field == "spec.host"
