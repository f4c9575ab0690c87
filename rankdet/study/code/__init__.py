"""Our own Python code, read from syntax trees: planning imports none of it."""
