"""A check of one NVIDIA card in a few minutes: correct losses, their times, and trainings.

`rankdet.gpu_check.check.run_check` runs the parts. Each part has a module, a budget in seconds, and
a function that yields rows (JSON-serialisable). Every part also runs on a CPU at the size `tiny`.
"""
