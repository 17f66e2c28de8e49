"""What Jobs, pods and their logs say happened. Pure."""
