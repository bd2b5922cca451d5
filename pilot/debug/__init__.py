"""What leaves by HTTP: readiness, metrics, version."""
