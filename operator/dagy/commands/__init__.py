"""The commands of `dagy`, one module for each group. Imported when they run, not before."""
