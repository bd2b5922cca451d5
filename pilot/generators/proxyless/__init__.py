"""What gRPC clients and servers without a proxy are told: they ask for everything by name and know little of Envoy."""

from pilot.generators.proxyless import clusters, listeners, routes

__all__ = ["clusters", "listeners", "routes"]
