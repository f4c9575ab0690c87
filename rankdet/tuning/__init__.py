"""The search for learning rates (`rankdet tune`): the same trials for every loss, on held-out data.

`rankdet.tuning.search.run_search` runs it. `halving` and `budget` are pure functions that decide
what is tried. `held_out` makes the data, `trials` the specs of the trainings, `outcome` the record.
"""
