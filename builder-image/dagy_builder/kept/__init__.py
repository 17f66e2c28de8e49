"""What builds have made before, in folders that they share."""
