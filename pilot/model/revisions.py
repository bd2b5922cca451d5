"""Which of several control planes of a cluster we are, by what its webhook configurations and Services declare.

In: their labels, our own revision. Out: the names that we answer to, so that Gateways and Ingresses of others are left
to them; and which revision is the default one. Without a cluster everything is ours.
Source: Kubernetes controllers behaviour 6.3, 6.4.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from pilot.model.features import Features
from pilot.model.kubernetes import KubernetesService, Namespace
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.objects import Object

REVISION: Final = "istio.io/rev"
TAG: Final = "istio.io/tag"
DEFAULT: Final = "default"
DEFAULT_TAG: Final = "istio-revision-tag-default"
"""The injection webhook of the tag `default`: its revision goes before others in elections."""
DEFAULT_VALIDATOR: Final = "istiod-default-validator"


class MutatingWebhookConfiguration(Object, frozen=True):
    """admissionregistration.k8s.io MutatingWebhookConfiguration: only its labels are read."""

    KIND: ClassVar[str] = "MutatingWebhookConfiguration"


class ValidatingWebhookConfiguration(Object, frozen=True):
    """admissionregistration.k8s.io ValidatingWebhookConfiguration: only its labels are read."""

    KIND: ClassVar[str] = "ValidatingWebhookConfiguration"


_KINDS: Final = frozenset((MutatingWebhookConfiguration.KIND, ValidatingWebhookConfiguration.KIND))


@dataclass(frozen=True, slots=True)
class Revisions:
    """What a cluster says."""

    own: frozenset[str] = frozenset((DEFAULT,))
    """Our revision and its tags; `default` among them where who asks for nobody is ours."""
    default: str = ""
    """The revision that has the tag `default`; empty where none has."""

    def owns(self, labels: Mapping[str, str], namespace_labels: Mapping[str, str] | None) -> bool:
        """Whether an object is ours, by its labels and those of its namespace; None: those are not known."""
        if REVISION in labels:
            return labels[REVISION] in self.own
        return namespace_labels is None or namespace_labels.get(REVISION, DEFAULT) in self.own


def update(
    known: Revisions | None, objects: ObjectStore, replaced: tuple[Replacement, ...], features: Features
) -> Revisions | None:
    """What is so after the changes, which `objects` already has; None without a cluster."""
    if not features.shares_cluster:
        return None
    if known is not None and not any(_concerns(each, features.system_namespace) for each in replaced):
        return known
    made = _read(objects, features)
    return known if known == made else made


def is_ours(declared: Object, objects: ObjectStore, known: Revisions | None) -> bool:
    """Whether a Gateway or an Ingress is ours."""
    if known is None:
        return True
    namespace = objects.get(Namespace, "", declared.namespace)
    return known.owns(declared.metadata.labels, namespace.metadata.labels if namespace is not None else None)


def _concerns(each: Replacement, system_namespace: str) -> bool:
    if each.key.kind in _KINDS:
        return True
    return each.key.kind == KubernetesService.KIND and each.key.namespace == system_namespace


def _read(objects: ObjectStore, features: Features) -> Revisions:
    own = features.revision or DEFAULT
    tags = list(_tags(objects, features.system_namespace))
    found = {own, *(tag for tag, revision in tags if revision == own)}
    if not any(tag == DEFAULT for tag, _ in tags):
        validator = objects.get(ValidatingWebhookConfiguration, "", DEFAULT_VALIDATOR)
        if validator is not None and validator.metadata.labels.get(REVISION) == own:
            found.add(DEFAULT)
    declared = objects.get(MutatingWebhookConfiguration, "", DEFAULT_TAG)
    return Revisions(frozenset(found), declared.metadata.labels.get(REVISION, "") if declared is not None else "")


def _tags(objects: ObjectStore, system_namespace: str) -> Iterator[tuple[str, str]]:
    """Each tag with its revision."""
    services = objects.kinds.get(KubernetesService.KIND, {}).get(system_namespace, {})
    for each in (*objects.of(MutatingWebhookConfiguration), *services.values()):
        labels = each.metadata.labels
        if TAG in labels and REVISION in labels:
            yield labels[TAG], labels[REVISION]
