"""Settings from the environment, one module for each process."""
