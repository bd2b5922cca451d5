from pilot.generators.envoy import metadata
from pilot.resources import Origin
from tests.pilot.generators.samples import as_json

RULE = Origin("DestinationRule", "srv", "reviews")


def test_an_object_is_named_by_a_path_with_its_kind_in_kebab_case() -> None:
    assert metadata.config_path(RULE) == "/apis/networking.istio.io/v1/namespaces/srv/destination-rule/reviews"
    assert metadata.config_path(Origin("Sidecar", "a", "b")) == "/apis/networking.istio.io/v1/namespaces/a/sidecar/b"


def test_nothing_to_say_is_no_metadata() -> None:
    assert metadata.cluster_metadata() is None


def test_a_cluster_tells_its_service_rule_and_subset() -> None:
    made = metadata.cluster_metadata(
        services=[metadata.service_value("h", "n", "ns")], config=RULE, subset="v1", external=True, own_alpn=True
    )

    assert as_json(made) == {
        "filterMetadata": {
            "istio": {
                "services": [{"host": "h", "name": "n", "namespace": "ns"}],
                "config": "/apis/networking.istio.io/v1/namespaces/srv/destination-rule/reviews",
                "subset": "v1",
                "external": True,
                "alpn_override": "false",
            }
        }
    }


def test_disable_mx_wins_over_external() -> None:
    made = metadata.cluster_metadata(external=True, disable_mx=True)

    assert as_json(made) == {"filterMetadata": {"istio": {"disable_mx": True}}}


def test_config_metadata_names_only_the_object() -> None:
    made = as_json(metadata.config_metadata(RULE))

    assert made == {"filterMetadata": {"istio": {"config": metadata.config_path(RULE)}}}
