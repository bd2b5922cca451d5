from pilot.generators.stat_name import cluster_stat_name, stat_name
from tests.pilot.generators.samples import HTTP, entry, service

PATTERN = "%SERVICE%_%SERVICE_NAME%_%SERVICE_FQDN%_%SUBSET_NAME%_%SERVICE_PORT%_%SERVICE_PORT_NAME%_%TARGET_PORT%"


def test_without_a_pattern_the_name_stays() -> None:
    assert stat_name("", "outbound|80||a", service(), HTTP) == "outbound|80||a"


def test_a_pattern_names_a_kubernetes_service_by_name_and_namespace() -> None:
    made = stat_name(PATTERN, "x", service(), HTTP, subset="v1")

    assert made == "reviews.default_reviews_reviews.default.svc.cluster.local_v1_80_http_8080"


def test_a_pattern_names_an_entry_by_its_host() -> None:
    assert stat_name("out_%SERVICE%", "x", entry(), HTTP) == "out_api.example.com"


def test_a_semicolon_ends_the_name_of_a_cluster() -> None:
    assert cluster_stat_name("a") == "a;"
