"""A fault campaign: the operator's real code on a real API server and a real S3 server, with faults as values."""
