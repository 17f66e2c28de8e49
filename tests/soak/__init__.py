"""The operator for as long as one lets it run: whatever comes and goes, nothing in it or around it may grow."""
