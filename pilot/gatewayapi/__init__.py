"""Kubernetes' Gateway API: its objects, and what they say in terms of Istio's Gateways, VirtualServices and rules."""
