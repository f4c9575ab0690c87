# The study, and the paths that all rules share.
from rankdet.jobs.workflow import (
    Cluster,
    begin,
    follow_own_rules,
    images_state,
    made_of,
    on_error,
    on_success,
    quick,
    spec_files,
    start,
    step_hash,
)

# Scripts are named by this path: a rule made of ours in another file looks for them there, too.
from rankdet.repository import ROOT

STUDY = start(config, workflow.configfiles)
begin(workflow, STUDY)
follow_own_rules(workflow, STUDY)
CLUSTER = Cluster(workflow, STUDY)
NEEDS = CLUSTER.needs


# `wildcard_constraints` does not reach the wildcards in a pathvar, so they are constrained here.
pathvars:
    results=STUDY.folder,
    dataset="<results>/{dataset,[^/]+}",
    run="<dataset>/{detector,[^/]+}/{loss,(?![^/]*@imported/)[^/]+}/seed{seed,[0-9]+}",
    any_run="<dataset>/{detector,[^/]+}/{loss,[^/]+}/seed{seed,[0-9]+}",
    scored="<run>",


# `turn` and `group` count on a cluster only: a run is one job there, whose parts run one after the other.
resource_scopes:
    gpu="local",
    turn="local",


wildcard_constraints:
    paper="[^/]+",
    table="[^/]+",
