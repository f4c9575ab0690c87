# Detections and metrics. Those of the main split are in the run's folder, those of other splits in
# on-<split>/, of other score thresholds in at-<threshold>/, of test variants in test-<name>/, of epochs on the way in epoch-<n>-of-<N>/.
rule predict:
    input:
        model="<run>/model.pth",
        record="<run>/run.json",
        manifest="<dataset>/dataset.json",
        thresholds=quick(STUDY.thresholds_from),
    output:
        detections="<scored>/detections.json",
        speed="<scored>/speed.json",
    log:
        "<scored>/logs/predict.log",
    benchmark:
        "<scored>/logs/predict.tsv"
    group:
        CLUSTER.group
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    threads: STUDY.config.threads
    resources:
        mem_mb=quick(NEEDS.detection_memory),
        runtime=quick(NEEDS.detection_minutes),
        gpu=quick(lambda wildcards: NEEDS.gpus),  # known when the executor is
        turn=1,
    params:
        made_of=quick(STUDY.test_hash),
        split=quick(STUDY.split),
        spec=quick(STUDY.spec),
    script:
        f"{ROOT}/workflows/scripts/predict.py"


rule evaluate:
    input:
        detections="<scored>/detections.json",
        record="<run>/run.json",
        manifest="<dataset>/dataset.json",
    output:
        metrics="<scored>/metrics.json",
        matches="<scored>/matches.parquet",
    log:
        "<scored>/logs/evaluate.log",
    benchmark:
        "<scored>/logs/evaluate.tsv"
    pathvars:
        run="<any_run>",
    group:
        CLUSTER.group
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    resources:
        mem_mb=quick(NEEDS.evaluation_memory),
        runtime=quick(NEEDS.evaluation_minutes),
        turn=1,
    params:
        made_of=step_hash("evaluate"),
        split=quick(STUDY.split),
        masks=quick(STUDY.predicts_masks),
    script:
        f"{ROOT}/workflows/scripts/evaluate.py"


use rule predict as predict_on with:
    pathvars:
        scored="<run>/on-{split,[^/]+}",


use rule evaluate as evaluate_on with:
    pathvars:
        run="<any_run>",
        scored="<run>/on-{split,[^/]+}",


use rule predict as predict_at with:
    pathvars:
        scored="<run>/at-{threshold,[^/]+}",


use rule evaluate as evaluate_at with:
    pathvars:
        scored="<run>/at-{threshold,[^/]+}",


use rule predict as predict_further with:
    pathvars:
        scored="<run>/test-{test,[^/]+}",


use rule evaluate as evaluate_further with:
    pathvars:
        scored="<run>/test-{test,[^/]+}",


# The weights and the record are those of the epoch.
use rule predict as predict_epoch with:
    input:
        model="<scored>/model.pth",
        record="<scored>/run.json",
        manifest="<dataset>/dataset.json",
        thresholds=[],
    pathvars:
        scored="<run>/epoch-{epoch,[^/]+}",


use rule evaluate as evaluate_epoch with:
    input:
        detections="<scored>/detections.json",
        record="<scored>/run.json",
        manifest="<dataset>/dataset.json",
    pathvars:
        scored="<run>/epoch-{epoch,[^/]+}",


rule sweep:
    input:
        metrics=lambda wildcards: STUDY.sweep_files(wildcards, "metrics.json"),
        speed=lambda wildcards: STUDY.sweep_files(wildcards, "speed.json"),
    output:
        "<run>/sweep.json",
    log:
        "<run>/logs/sweep.log",
    localrule: True
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=step_hash("sweep"),
        thresholds=lambda wildcards: list(STUDY.run(wildcards).score_thresholds),
    script:
        f"{ROOT}/workflows/scripts/sweep.py"
