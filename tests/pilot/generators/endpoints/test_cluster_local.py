import msgspec

from pilot.generators.endpoints.cluster_local import is_cluster_local
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig, ServiceSettings, ServiceSettingsValues

FEATURES = Features()
MESH = MeshConfig()


def settings(local: bool, *hosts: str) -> ServiceSettings:
    return ServiceSettings(settings=ServiceSettingsValues(cluster_local=local), hosts=hosts)


def test_the_api_server_kube_system_and_the_control_plane_are_local() -> None:
    for host in (
        "kubernetes.default.svc.cluster.local",
        "dns.kube-system.svc.cluster.local",
        "istiod.istio-system.svc.cluster.local",
        "istiod.istio-system.svc",
    ):
        assert is_cluster_local(host, MESH, FEATURES), host
    assert not is_cluster_local("reviews.default.svc.cluster.local", MESH, FEATURES)


def test_the_mesh_says_otherwise_and_the_most_specific_counts() -> None:
    mesh = msgspec.structs.replace(
        MESH,
        service_settings=(
            settings(True, "*.default.svc.cluster.local"),
            settings(False, "open.default.svc.cluster.local", "kubernetes.default.svc.cluster.local"),
            ServiceSettings(hosts=("*",)),
        ),
    )

    assert is_cluster_local("reviews.default.svc.cluster.local", mesh, FEATURES)
    assert not is_cluster_local("open.default.svc.cluster.local", mesh, FEATURES)
    assert not is_cluster_local("kubernetes.default.svc.cluster.local", mesh, FEATURES)
