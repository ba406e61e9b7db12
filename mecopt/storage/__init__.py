"""Files that are written whole or not at all, and read back only as what was written."""
