"""One module for each outside world. Nothing is decided here."""
