"""What ztunnel is told: workloads, services and authorizations."""
