"""The objects by which API servers find the webhooks: injection and validation, for a revision, a tag, the default.

In: names, and where the webhooks are. Out: Mutating and ValidatingWebhookConfigurations as plain objects; and from
objects that exist, which tags and which default revision there are. Pure: nothing is read from or written to a cluster.
Source: webhook behaviour 2.2, 5.2, 6.4.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

Json = dict[str, Any]

SYSTEM_NAMESPACE: Final = "istio-system"
DEFAULT: Final = "default"
REVISION: Final = "istio.io/rev"
TAG: Final = "istio.io/tag"
INJECT: Final = "sidecar.istio.io/inject"
NAMESPACE_INJECTION: Final = "istio-injection"
SUFFIX: Final = "sidecar-injector.istio.io"
DEFAULT_VALIDATOR: Final = "istiod-default-validator"
_DEACTIVATED: Final = {"matchLabels": {"istio.io/deactivated": "never-match"}}
_NEVER: Final = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
_GROUPS: Final = ("security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io")
_API: Final = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an API server reaches the webhooks: by `url` (`https://host:port`, an external control plane), or by
    Service; `ca_bundle` is PEM in base64, empty where the control plane fills it in.
    """

    service: str = "istiod"
    namespace: str = SYSTEM_NAMESPACE
    port: int = 443
    url: str = ""
    ca_bundle: str = ""
    injection_path: str = "/inject"
    """`/inject/cluster/X/net/Y` for a cluster whose control plane is elsewhere."""
    validation_path: str = "/validate"

    def client_config(self, path: str) -> Json:
        """As a webhook names it."""
        if self.url:
            found: Json = {"url": self.url.rstrip("/") + path}
        else:
            found = {"service": {"name": self.service, "namespace": self.namespace, "path": path, "port": self.port}}
        return found | ({"caBundle": self.ca_bundle} if self.ca_bundle else {})


def revision_endpoint(revision: str, endpoint: Endpoint) -> Endpoint:
    """The Service of a revision: `istiod-canary`, unless another one was named."""
    is_plain = endpoint.service == "istiod" and not endpoint.url
    return replace(endpoint, service=f"istiod-{revision}") if is_plain and revision not in ("", DEFAULT) else endpoint


def object_name(base: str, revision: str, namespace: str) -> str:
    """`istio-sidecar-injector-canary-mesh`: neither the default revision nor the usual namespace is named."""
    parts = [base, revision if revision != DEFAULT else "", namespace if namespace != SYSTEM_NAMESPACE else ""]
    return "-".join(filter(None, parts))


# --- injection ------------------------------------------------------------------------------------------------------


def build_injection(
    revision: str,
    endpoint: Endpoint,
    *,
    namespace: str = SYSTEM_NAMESPACE,
    is_default: bool | None = None,
    by_default: bool = False,
    reinvocation: str = "Never",
) -> Json:
    """Of a revision. `is_default`: it also answers to `istio-injection=enabled` (None: if it is called so);
    `by_default`: pods of namespaces that say nothing are injected as well.
    """
    revision = revision or DEFAULT
    answers = revision == DEFAULT if is_default is None else is_default
    config = endpoint.client_config(endpoint.injection_path)
    return {
        "apiVersion": _API,
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": object_name("istio-sidecar-injector", revision, namespace),
            "labels": {REVISION: revision, "app": "sidecar-injector"},
        },
        "webhooks": _injection_entries(revision, config, answers, by_default, reinvocation),
    }


def build_tag(
    tag: str,
    revision: str,
    client_config: Mapping[str, Any],
    *,
    namespace: str = SYSTEM_NAMESPACE,
    reinvocation: str = "Never",
) -> Json:
    """A name for a revision, which namespaces and pods can ask for instead; `client_config`: the revision's."""
    return {
        "apiVersion": _API,
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": object_name(f"istio-revision-tag-{tag}", "", namespace),
            "labels": {REVISION: revision or DEFAULT, TAG: tag, "app": "sidecar-injector"},
        },
        "webhooks": _injection_entries(tag, dict(client_config), tag == DEFAULT, False, reinvocation),
    }


def _injection_entries(name: str, config: Json, answers: bool, by_default: bool, reinvocation: str) -> list[Json]:
    silent = [_absent(NAMESPACE_INJECTION), _absent(REVISION)]
    not_refused = _one_of(INJECT, "false", negated=True)
    entries = [
        ("rev.namespace.", [_one_of(REVISION, name), _absent(NAMESPACE_INJECTION)], [not_refused]),
        ("rev.object.", [*reversed(silent)], [not_refused, _one_of(REVISION, name)]),
    ]
    if answers:
        entries.append(("namespace.", [_one_of(NAMESPACE_INJECTION, "enabled")], [not_refused]))
        entries.append(("object.", silent, [_one_of(INJECT, "true"), _absent(REVISION)]))
    if answers and by_default:
        elsewhere = _one_of("kubernetes.io/metadata.name", *_NEVER, negated=True)
        entries.append(("auto.", [*silent, elsewhere], [_absent(INJECT), _absent(REVISION)]))
    return [
        {
            "name": prefix + SUFFIX,
            "clientConfig": config,
            "namespaceSelector": {"matchExpressions": namespaces},
            "objectSelector": {"matchExpressions": pods},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
            "failurePolicy": "Fail",
            "reinvocationPolicy": reinvocation,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        for prefix, namespaces, pods in entries
    ]


def _one_of(key: str, *values: str, negated: bool = False) -> Json:
    return {"key": key, "operator": "NotIn" if negated else "In", "values": list(values)}


def _absent(key: str) -> Json:
    return {"key": key, "operator": "DoesNotExist"}


def without_default(configuration: Mapping[str, Any]) -> Json:
    """The same without what answers to `istio-injection=enabled`: a tag `default` does that from now on."""
    webhooks = [
        {**each, "namespaceSelector": _DEACTIVATED, "objectSelector": _DEACTIVATED} if _is_for_default(each) else each
        for each in configuration.get("webhooks", ())
    ]
    return {**configuration, "webhooks": webhooks}


def _is_for_default(webhook: Mapping[str, Any]) -> bool:
    return str(webhook.get("name", "")).removesuffix(SUFFIX) in ("namespace.", "object.", "auto.")


# --- validation -----------------------------------------------------------------------------------------------------


def build_validation(
    revision: str, endpoint: Endpoint, *, namespace: str = SYSTEM_NAMESPACE, failure_policy: str = "Ignore"
) -> Json:
    """Of a revision: objects that are labelled for it."""
    revision = revision or DEFAULT
    suffix = "" if revision == DEFAULT else revision
    name = "-".join(filter(None, ("istio-validator", suffix, namespace)))
    selected = [_one_of(REVISION, revision)]
    return _validator(name, "rev.validation.istio.io", revision, endpoint, selected, failure_policy)


def build_default_validation(revision: str, endpoint: Endpoint, *, failure_policy: str = "Ignore") -> Json:
    """Objects without a revision; whoever has it is the default revision."""
    return _validator(
        DEFAULT_VALIDATOR, "validation.istio.io", revision or DEFAULT, endpoint, [_absent(REVISION)], failure_policy
    )


def _validator(
    name: str, webhook: str, revision: str, endpoint: Endpoint, selected: Sequence[Json], failure_policy: str
) -> Json:
    rule = {"operations": ["CREATE", "UPDATE"], "apiGroups": list(_GROUPS), "apiVersions": ["*"], "resources": ["*"]}
    return {
        "apiVersion": _API,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name, "labels": {"app": "istiod", "istio": "istiod", REVISION: revision}},
        "webhooks": [
            {
                "name": webhook,
                "clientConfig": endpoint.client_config(endpoint.validation_path),
                "rules": [rule],
                "objectSelector": {"matchExpressions": list(selected)},
                "failurePolicy": failure_policy,
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }


def as_yaml(objects: Iterable[Mapping[str, Any]]) -> str:
    """Documents one after the other, each complete: no part of one refers to another."""
    return yaml.safe_dump_all([json.loads(json.dumps(each)) for each in objects], sort_keys=False)


# --- what is there --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that exists: what it means, and its object's name."""

    tag: str
    revision: str
    name: str


def find_tags(configurations: Iterable[Mapping[str, Any]]) -> tuple[Tag, ...]:
    """Tags among MutatingWebhookConfigurations, by name."""
    found = []
    for each in configurations:
        labels = each.get("metadata", {}).get("labels") or {}
        if TAG in labels and REVISION in labels:
            found.append(Tag(labels[TAG], labels[REVISION], each["metadata"]["name"]))
    return tuple(sorted(found, key=lambda tag: (tag.tag, tag.name)))


def find_revision(configurations: Iterable[Mapping[str, Any]], revision: str) -> Mapping[str, Any] | None:
    """The injection of a revision itself, not of a tag."""
    for each in configurations:
        labels = each.get("metadata", {}).get("labels") or {}
        if labels.get(REVISION) == revision and TAG not in labels:
            return each
    return None


def injection_client(configuration: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Where an injection is reached; None where there is none in it."""
    for each in configuration.get("webhooks", ()):
        if str(each.get("name", "")).endswith(SUFFIX):
            found: Mapping[str, Any] = each.get("clientConfig", {})
            return found
    return None


def find_default_revision(mutating: Iterable[Mapping[str, Any]], validating: Iterable[Mapping[str, Any]]) -> str | None:
    """The revision that serves who asks for none: that of the tag `default`, else of the default validator."""
    for tag in find_tags(mutating):
        if tag.tag == DEFAULT:
            return tag.revision
    for each in validating:
        if each.get("metadata", {}).get("name") == DEFAULT_VALIDATOR:
            return str((each["metadata"].get("labels") or {}).get(REVISION, DEFAULT))
    return None


def used_by(name: str, namespaces: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Namespaces that ask for a revision or tag."""
    found = []
    for each in namespaces:
        labels = each.get("metadata", {}).get("labels") or {}
        asked = labels.get(NAMESPACE_INJECTION)
        if (asked == "enabled" and name == DEFAULT) or (asked is None and labels.get(REVISION) == name):
            found.append(str(each["metadata"]["name"]))
    return tuple(sorted(found))
