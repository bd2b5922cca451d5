from pilot.model.decoding import decode_value
from pilot.model.workload_entry import StatusCondition, WorkloadEntry


def test_every_field_of_a_workload_entry_arrives() -> None:
    value = {
        "metadata": {"name": "vm", "namespace": "default"},
        "spec": {
            "address": "10.0.0.1",
            "ports": {"http": 8080},
            "labels": {"app": "vm"},
            "network": "n",
            "locality": "r/z/s",
            "weight": 2,
            "serviceAccount": "sa",
        },
        "status": {"conditions": [{"type": "Healthy", "status": "True", "lastProbeTime": "x"}]},
    }
    entry, faults = decode_value(value, WorkloadEntry)
    assert faults == ()
    assert entry is not None
    assert (entry.spec.address, entry.spec.ports, entry.spec.weight) == ("10.0.0.1", {"http": 8080}, 2)
    assert entry.status.conditions == (StatusCondition(type="Healthy", status="True", last_probe_time="x"),)
