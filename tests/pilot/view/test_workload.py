from pilot.view.workload import service_target
from tests.pilot.model.meshes import mesh_of


def test_equal_targets_are_one_object() -> None:
    snapshot = mesh_of("kind: Service\nmetadata: {name: web, namespace: app}\nspec: {ports: [{name: http, port: 80}]}")
    (service,) = snapshot.services
    target = service_target(service, service.ports[0], 8080)
    assert service_target(service, service.ports[0], 8080) is target
    assert service_target(service, service.ports[0], 8081) is not target
