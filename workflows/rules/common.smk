# The study, and the paths that all rules share.
from rankdet.jobs.workflow import (
    Cluster,
    begin,
    images_state,
    made_of,
    on_error,
    on_success,
    share_settings_of_train,
    spec_files,
    start,
    step_hash,
)

STUDY = start(config, workflow.configfiles, workflow.basedir)
begin(workflow, STUDY)
share_settings_of_train(workflow, STUDY)
CLUSTER = Cluster(workflow, STUDY)
NEEDS = CLUSTER.needs


# `wildcard_constraints` does not reach the wildcards in a pathvar, so they are constrained here.
pathvars:
    results=STUDY.folder,
    dataset="<results>/{dataset,[^/]+}",
    run="<dataset>/{detector,[^/]+}/{loss,[^/]+}/seed{seed,[0-9]+}",
    scored="<run>",


# `turn` and `group` count on a cluster only: a run is one job there, whose parts run one after the other.
resource_scopes:
    gpu="local",
    turn="local",


wildcard_constraints:
    paper="[^/]+",
    table="[^/]+",
