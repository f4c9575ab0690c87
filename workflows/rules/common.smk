# The study, and the paths that all rules share.
from workflows.study.after import on_error, on_success
from workflows.study.hashing import step_hash
from workflows.study.papers import spec_files
from workflows.study.start import start

STUDY = start(config, workflow.configfiles, workflow.basedir)


pathvars:
    results=STUDY.folder,
    run="<results>/{dataset}/{detector}/{loss}/seed{seed}",
    scored="<run>",
    manifest="<results>/{dataset}/dataset.json",


wildcard_constraints:
    dataset="[^/]+",
    detector="[^/]+",
    loss="[^/]+",
    seed="[0-9]+",
    split="[^/]+",
    paper="[^/]+",
    table="[^/]+",
