"""From a pod's creation to its own code, to the end of its imports and to its end: baked, attached, installed at the start."""
