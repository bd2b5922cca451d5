"""Workloads outside Kubernetes that register themselves by connecting, and say how they are."""
