"""From a tree of installed files to one ZIP, the same bytes everywhere."""
