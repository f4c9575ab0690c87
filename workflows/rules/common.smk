# The study, and the paths that all rules share.
from rankdet.jobs.completion import on_error, on_success
from rankdet.study.hashes import step_hash
from rankdet.study.tables import made_of, spec_files
from rankdet.jobs.startup import start

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
