from pilot.view.build import build
from tests.pilot.model.meshes import edit, mesh_of
from tests.pilot.view.proxies import proxy

MESH = "kind: Service\nmetadata: {name: web, namespace: app}\nspec: {ports: [{name: http, port: 80}]}"


def test_views_of_the_same_parts_have_the_same_key() -> None:
    snapshot = mesh_of(MESH)
    one, other = build(snapshot, proxy()), build(snapshot, proxy("other"))
    assert one.key == other.key
    changed, _ = edit(snapshot, MESH.replace("80", "81"))
    assert build(changed, proxy()).key != one.key
