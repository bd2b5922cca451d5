"""What a ztunnel says on its admin port: the shape of its `/config_dump`."""

from typing import Any

STARTED, ENDS = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
WAYPOINT = "shop/waypoint.shop.svc.cluster.local"


def workload(name: str, namespace: str, *ips: str, **more: Any) -> dict[str, Any]:
    """One of the dump's workloads."""
    return {
        "workloadIps": list(ips),
        "protocol": "HBONE",
        "uid": f"Kubernetes//Pod/{namespace}/{name}",
        "name": name,
        "namespace": namespace,
        "trustDomain": "cluster.local",
        "serviceAccount": "default",
        "workloadName": name,
        "workloadType": "pod",
        "canonicalName": name,
        "canonicalRevision": "latest",
        "node": "n1",
        "status": "Healthy",
        "clusterId": "Kubernetes",
        "services": [],
        "capacity": 1,
        **more,
    }


def service(name: str, namespace: str, *vips: str, **more: Any) -> dict[str, Any]:
    """One of the dump's services."""
    return {
        "name": name,
        "namespace": namespace,
        "hostname": f"{name}.{namespace}.svc.cluster.local",
        "vips": [f"/{each}" for each in vips],
        "ports": {"80": 8080},
        "endpoints": {},
        "subjectAltNames": [],
        "ipFamilies": "IPv4",
        **more,
    }


def _endpoint(uid: str, status: str = "Healthy") -> dict[str, Any]:
    return {"workloadUid": uid, "port": {"80": 8080}, "status": status}


def _certificate(serial: str, begins: str = STARTED, ends: str = ENDS) -> dict[str, str]:
    return {"pem": "LS0t", "serialNumber": serial, "validFrom": begins, "expirationTime": ends}


DUMP: dict[str, Any] = {
    "workloads": [
        workload("web-1", "shop", "10.1.0.2", "fd00::2", services=["shop/web.shop.svc.cluster.local"]),
        workload("vm", "shop", protocol="TCP", node="", hostname="vm.example.com"),
        workload("cart-1", "back", "10.1.0.3", node="n2", waypoint={"destination": WAYPOINT, "hboneMtlsPort": 15008}),
    ],
    "services": [
        service(
            "web",
            "shop",
            "10.0.0.1",
            "fd00::1",
            waypoint={"destination": "/10.0.0.9", "hboneMtlsPort": 15008},
            endpoints={"a": _endpoint("a"), "b": _endpoint("b", "Unhealthy")},
        ),
        service("waypoint", "shop", "10.0.0.9"),
    ],
    "policies": [
        {"name": "only-web", "namespace": "shop", "scope": "WorkloadSelector", "action": "Allow", "rules": []},
        {"name": "nobody", "namespace": "back", "scope": "Namespace", "action": "Deny", "rules": []},
    ],
    "certificates": [
        {
            "identity": "spiffe://cluster.local/ns/shop/sa/web",
            "state": "Available",
            "certChain": [_certificate("255"), _certificate("4096")],
            "rootCerts": [_certificate("16", "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z")],
        },
        {"identity": "spiffe://cluster.local/ns/back/sa/cart", "state": "Initializing", "certChain": []},
    ],
    "workloadState": {
        "1": {
            "state": "Up",
            "info": {"name": "web-1", "namespace": "shop", "trustDomain": "", "serviceAccount": "default"},
            "connections": {
                "inbound": [
                    {"src": "10.1.0.3:4000", "originalDst": None, "actualDst": "10.1.0.2:8080", "protocol": "HBONE"}
                ],
                "outbound": [
                    {
                        "src": "[fd00::2]:5000",
                        "originalDst": "10.0.0.1:80",
                        "actualDst": "192.0.2.7:15008",
                        "protocol": "HBONE",
                    }
                ],
            },
        }
    },
    "version": {"version": "1.29.1"},
    "config": {},
}
