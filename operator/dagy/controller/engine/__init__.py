"""What a controller of any kind does: watch, queue, pass after pass, and tell whether it is healthy."""
