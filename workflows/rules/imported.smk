# Detections that were made elsewhere (`imported` of a study, `rankdet import`): a run without a training.
# A rule of the user may match its name: see rankdet/jobs/own_rules.py.
ruleorder: imported > train


rule imported:
    input:
        files=lambda wildcards: STUDY.imports.files(wildcards),
        manifest="<dataset>/dataset.json",
    output:
        record="<run>/run.json",
        detections="<run>/detections.json",
        speed="<run>/speed.json",
    log:
        "<run>/logs/import.log",
    pathvars:
        run="<dataset>/{detector,[^/]+}/{loss,[^/]+@imported}/seed{seed,[0-9]+}",
    priority: 90  # wrong files are found before long trainings
    localrule: True
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=lambda wildcards: STUDY.imports.made_of(wildcards),
        split=STUDY.split,
        spec=lambda wildcards, output: STUDY.imports.spec(wildcards),
    script:
        f"{ROOT}/workflows/scripts/imported.py"


rule imported_on:
    input:
        files=lambda wildcards: STUDY.imports.files(wildcards),
        manifest="<dataset>/dataset.json",
    output:
        detections="<run>/on-{split,[^/]+}/detections.json",
        speed="<run>/on-{split,[^/]+}/speed.json",
    log:
        "<run>/on-{split,[^/]+}/logs/import.log",
    pathvars:
        run="<dataset>/{detector,[^/]+}/{loss,[^/]+@imported}/seed{seed,[0-9]+}",
    priority: 90
    localrule: True
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=lambda wildcards: STUDY.imports.made_of(wildcards),
        split=STUDY.split,
        spec=lambda wildcards, output: STUDY.imports.spec(wildcards),
    script:
        f"{ROOT}/workflows/scripts/imported.py"
