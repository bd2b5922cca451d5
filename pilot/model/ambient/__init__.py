"""The mesh as ztunnel sees it: workloads, services and who may call them, whatever they were declared by."""
