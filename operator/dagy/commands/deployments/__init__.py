"""`dagy deploy`, `dagy run` and `dagy deployments`."""
