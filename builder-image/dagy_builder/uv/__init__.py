"""uv and its locks, in the form that travels."""
