"""What the Snakefile and its scripts call: the start of a workflow, its jobs, and its end."""
