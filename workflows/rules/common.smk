# The study, and the paths that all rules share.
from workflows.study.after import on_error, on_success
from workflows.study.hashing import step_hash
from workflows.study.papers import spec_files
from workflows.study.start import start

STUDY = start(config, workflow.configfiles, workflow.basedir)


# A pathvar hides its wildcards from `wildcard_constraints`: they are constrained in place.
pathvars:
    results=STUDY.folder,
    dataset="<results>/{dataset,[^/]+}",
    run="<dataset>/{detector,[^/]+}/{loss,[^/]+}/seed{seed,[0-9]+}",
    scored="<run>",


wildcard_constraints:
    paper="[^/]+",
    table="[^/]+",
