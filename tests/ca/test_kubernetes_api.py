from ca.kubernetes_api import KubernetesApi
from pilot.kube_client import KubeClient


def test_client_of_the_control_plane_fits_the_port() -> None:
    made: KubernetesApi = KubeClient(None)  # the type checker compares the two
    assert made.call.__name__ == KubernetesApi.call.__name__
