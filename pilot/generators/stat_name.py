"""Names of clusters in statistics: the cluster's own name, or what a pattern of the mesh makes of it.

In: a pattern, a service and its port. Out: text. Source: xDS behaviour 3.1 (alt_stat_name), 4.3 (stat_prefix).
"""

from pilot.model.service import Service, ServicePort


def stat_name(pattern: str, default: str, service: Service, port: ServicePort, *, subset: str = "") -> str:
    """The name that `pattern` gives; `default` where there is no pattern."""
    if not pattern:
        return default
    short = f"{service.name}.{service.namespace}" if service.is_kubernetes else service.hostname
    values = {
        "%SERVICE%": short,
        "%SERVICE_FQDN%": service.hostname,
        "%SERVICE_NAME%": service.name,
        "%SUBSET_NAME%": subset,
        "%TARGET_PORT%": str(port.target_port or port.number),
        "%SERVICE_PORT_NAME%": port.name,
        "%SERVICE_PORT%": str(port.number),
    }
    for name, value in values.items():
        pattern = pattern.replace(name, value)
    return pattern


def cluster_stat_name(name: str) -> str:
    """`alt_stat_name` of a cluster: the semicolon ends the part that telemetry reads."""
    return f"{name};"
