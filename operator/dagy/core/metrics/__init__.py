"""What is measured: the catalogue of metrics, and what is counted when. Pure; dagy.adapters.metrics sets values."""
