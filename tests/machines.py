"""A machine that registers itself, as its group and as the node that its proxy says it is."""

GROUP = """
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: vms, namespace: app}
spec:
  metadata: {labels: {app: web}}
  template: {serviceAccount: web}
"""
VM = {
    "id": "sidecar~10.9.0.1~vm.app~app.svc.cluster.local",
    "metadata": {
        "NAMESPACE": "app", "AUTO_REGISTER_GROUP": "vms", "CLUSTER_ID": "Kubernetes",
        "PROXY_CONFIG": {"readinessProbe": {"httpGet": {"port": 80}}},
    },
}  # fmt: skip
