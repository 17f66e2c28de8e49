"""Files that go up and come down, in parts."""
