# Training. A run resumes from its folder work/, which is not an output. Outputs are written last.
#
# To run one loss in another way (more memory, a partition), copy the lines below to the end of this
# file and write the loss's name for `mine`. The rule inherits everything else from `train`, its GPUs and
# what a profile sets for it too, and goes before it (rankdet/jobs/own_rules.py, docs/your-own-folder.md):
#
#     use rule train as train_mine with:
#         pathvars:
#             run="<dataset>/{detector}/{loss,mine(\+[^/]*)?}/seed{seed,[0-9]+}",
#         threads: 4
#         resources:
#             mem_mb=16000,  # time and GPUs stay those of `train`
#
# If tables show epochs on the way of that loss, `snakemake -n` names another rule than `train`: copy that one.
ruleorder: untrained > given > train
ruleorder: untrained > predict


# The rule `train`, and one for each set of epochs that some runs keep: outputs must be known from the rule.
for training in STUDY.trainings():

    rule:
        name:
            training.rule
        input:
            "<dataset>/dataset.json",
            lambda wildcards: STUDY.first_model(wildcards),
        output:
            model="<run>/model.pth",
            curve="<run>/train.parquet",
            record="<run>/run.json",
            epochs=[f"<run>/{file}" for file in training.files],
        log:
            "<run>/logs/train.log",
        benchmark:
            "<run>/logs/train.tsv"
        pathvars:
            dataset="<results>/{dataset,%s}" % training.dataset,
        group:
            CLUSTER.group
        conda:
            f"{ROOT}/envs/rankdet.yaml"
        threads: quick(STUDY.training_threads)
        resources:
            mem_mb=quick(NEEDS.training_memory),
            runtime=quick(NEEDS.training_minutes),
            gpu=quick(STUDY.training_gpus),
            turn=1,
        params:
            made_of=quick(STUDY.hashes),
            # Snakemake does not compare a function of `threads`: the spec has keys that do not affect training.
            spec=quick(STUDY.spec),
        script:
            f"{ROOT}/workflows/scripts/train.py"


rule untrained:
    input:
        "<dataset>/dataset.json",
    output:
        record="<run>/run.json",
        detections="<run>/detections.json",
        speed="<run>/speed.json",
    log:
        "<run>/logs/predict.log",
    benchmark:
        "<run>/logs/predict.tsv"
    pathvars:
        run="<dataset>/{detector,[^/]+}/untrained/seed{seed,[0-9]+}",
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
        spec=quick(STUDY.spec),
    script:
        f"{ROOT}/workflows/scripts/untrained.py"


# The `checkpoint` of a group of runs replaces the training.
rule given:
    input:
        manifest="<dataset>/dataset.json",
        checkpoint=lambda wildcards: STUDY.run(wildcards).checkpoint,
    output:
        model="<run>/model.pth",
        record="<run>/run.json",
    log:
        "<run>/logs/given.log",
    pathvars:
        run="<dataset>/{detector,[^/]+}/{loss,[^/]+@given}/seed{seed,[0-9]+}",
    group:
        CLUSTER.group
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    resources:
        mem_mb=quick(NEEDS.detection_memory),
        runtime=quick(NEEDS.detection_minutes),
        turn=1,
    params:
        made_of=quick(STUDY.given_hash),
        spec=quick(STUDY.spec),
    script:
        f"{ROOT}/workflows/scripts/given.py"
