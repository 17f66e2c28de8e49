"""/metrics of a process, with Prometheus' own client: what is measured and when is decided in dagy.core.metrics."""
