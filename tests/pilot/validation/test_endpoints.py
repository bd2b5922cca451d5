"""What controllers write keeps its good parts; the cases by kind are in `tests/pilot/sources/test_checks.py`."""

from pilot.model.kubernetes import KubernetesService, Pod, PodStatus
from pilot.model.virtual_service import VirtualService
from pilot.validation.endpoints import kubernetes_service, without_bad_parts


def test_a_pod_loses_only_its_bad_address() -> None:
    cleaned = without_bad_parts(Pod(status=PodStatus(pod_ip="1.2.3")))
    assert cleaned is not None
    kept, faults = cleaned
    assert isinstance(kept, Pod)
    assert kept.status.pod_ip == ""
    assert [each.path for each in faults] == [("status", "podIP")]


def test_what_people_write_is_not_mended() -> None:
    assert without_bad_parts(VirtualService()) is None
    assert list(kubernetes_service(KubernetesService())) == []
