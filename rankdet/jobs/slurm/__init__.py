"""A study on a SLURM cluster: its settings, what SLURM can give, and why it ended a job."""
