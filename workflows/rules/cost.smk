# The cost of the losses; only if the study's config has `cost`.
rule cost:
    output:
        "<results>/cost.json",
    log:
        "<results>/logs/cost.log",
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    threads: STUDY.config.threads
    resources:
        mem_mb=4000,
        gpu=lambda wildcards: NEEDS.gpus,  # known when the executor is
    params:
        made_of=STUDY.cost_hash,
        spec=lambda wildcards, threads: STUDY.cost_spec(threads),
    script:
        f"{ROOT}/workflows/scripts/cost.py"
