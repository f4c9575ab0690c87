"""The records on disk as typed models: one module for each kind of file."""
