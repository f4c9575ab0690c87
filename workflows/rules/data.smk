# Datasets: annotations in COCO's format and a manifest of all files.
rule data:
    input:
        lambda wildcards: STUDY.data_files(wildcards.dataset),
    output:
        manifest="<dataset>/dataset.json",
        data=directory("<dataset>/data"),
    log:
        "<dataset>/logs/data.log",
    benchmark:
        "<dataset>/logs/data.tsv"
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=lambda wildcards: STUDY.data_hash(wildcards.dataset),
        # The images are no inputs, because there are so many: only changed ones change this text.
        images=lambda wildcards: images_state(f"{STUDY.folder}/{wildcards.dataset}"),
        config=lambda wildcards, output: STUDY.data_config(wildcards.dataset),
    script:
        f"{ROOT}/workflows/scripts/data.py"
