"""SDK and command line of DAGY dependency packages; importing it imports nothing heavy."""
