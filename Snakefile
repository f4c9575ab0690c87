# A study from its config to its report: snakemake --cores all [--configfile config/<study>.yaml]
# What a study may say stands in config/README.md; how the rooms hang together in docs/architecture.md.
from snakemake.utils import min_version

min_version("9.27")

if not workflow.overwrite_configfiles:

    configfile: "config/smoke.yaml"


report: "reports/captions/workflow.rst"


include: "workflows/rules/common.smk"
include: "workflows/rules/data.smk"
include: "workflows/rules/train.smk"
include: "workflows/rules/evaluate.smk"
include: "workflows/rules/crosscheck.smk"
include: "workflows/rules/cost.smk"
include: "workflows/rules/analyse.smk"
include: "workflows/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.report.input,  # the report alone may be a partial one, of a study that failed
        STUDY.report,
    localrule: True


onsuccess:
    on_success(STUDY)


onerror:
    on_error(STUDY)
