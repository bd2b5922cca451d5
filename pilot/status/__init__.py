"""What controllers say of objects: conditions, addresses, counts, as data."""
