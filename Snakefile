# Runs a study, from its config to its report: snakemake --cores all [--configfile config/<study>.yaml]
# Keys of a study: config/README.md. Structure of the project: docs/architecture.md.
import os

from rankdet.repository import default_study
from snakemake.utils import min_version

min_version("9.27")

if not workflow.overwrite_configfiles:

    configfile: default_study()


report: "reports/captions/workflow.rst"


# Only for `--sdm apptainer`: docs/containers.md.
container: os.environ.get("RANKDET_IMAGE", "study.sif")


include: "workflows/rules/common.smk"
include: "workflows/rules/data.smk"
include: "workflows/rules/train.smk"
include: "workflows/rules/evaluate.smk"
include: "workflows/rules/imported.smk"
include: "workflows/rules/crosscheck.smk"
include: "workflows/rules/cost.smk"
include: "workflows/rules/analyse.smk"
include: "workflows/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.report.input,  # these too: after a failure the report exists, but is incomplete
        STUDY.report,
    localrule: True


onstart:
    CLUSTER.start()


onsuccess:
    CLUSTER.end()
    on_success(STUDY)


onerror:
    CLUSTER.end()
    on_error(STUDY)
