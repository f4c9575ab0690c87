"""What the Snakefile and its scripts call: start of a workflow, jobs, and what follows them."""
