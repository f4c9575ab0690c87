# Optional, made only on request: snakemake results/<study>/<run>/lrp-check.json
rule lrp_check:
    input:
        detections="<run>/detections.json",
        metrics="<run>/metrics.json",
        manifest="<dataset>/dataset.json",
    output:
        "<run>/lrp-check.json",
    log:
        "<run>/logs/lrp-check.log",
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=step_hash("lrp_check"),
        split=STUDY.split,
    script:
        f"{ROOT}/workflows/scripts/lrp_check.py"
