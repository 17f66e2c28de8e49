"""Work of a controller of any kind: watch, queue, pass after pass, and its health."""
