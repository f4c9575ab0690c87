"""From a study's config file to its runs: no torch in here, so that planning is quick.

`config` holds the keys of a study, `cards` the losses, `detectors` the detectors, `plan` joins them
into runs, `hashing` says what a run depends on, `job` is what every script of the workflow runs in.
"""
