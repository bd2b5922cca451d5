"""What this control plane leaves in a cluster: roots, conditions, addresses, deployments."""
