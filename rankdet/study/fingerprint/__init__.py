"""What a run depends on, as hashes of settings and of code."""
