"""Our own Python code, read from syntax trees: planning does not import it."""
