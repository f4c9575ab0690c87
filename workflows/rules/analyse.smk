# The papers' tables and figures, and the leaderboard, from the records of the runs.
rule plan:
    output:
        "<results>/plan.json",
    log:
        "<results>/logs/plan.log",
    priority: 100  # a report of unfinished runs needs it
    localrule: True
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=STUDY.plan_hash,
        plan=lambda wildcards, output: STUDY.plan(),
    script:
        f"{ROOT}/workflows/scripts/plan.py"


rule table:
    input:
        plan="<results>/plan.json",
        spec=lambda wildcards: spec_files(f"{wildcards.paper}/{wildcards.table}"),
        records=lambda wildcards: STUDY.records(f"{wildcards.paper}/{wildcards.table}"),
    output:
        csv=report(
            "<results>/tables/{paper}/{table}/table.csv",
            caption="../../reports/captions/table.rst",
            category="Tables",
            subcategory="{paper}",
            labels={"table": "{table}"},
        ),
        json="<results>/tables/{paper}/{table}/table.json",
    log:
        "<results>/logs/tables/{paper}/{table}.log",
    localrule: True
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=lambda wildcards: made_of(
            "tables", f"{wildcards.paper}/{wildcards.table}"
        ),
    script:
        f"{ROOT}/workflows/scripts/table.py"


rule figure:
    input:
        plan="<results>/plan.json",
        spec=lambda wildcards: spec_files(f"{wildcards.paper}/{wildcards.table}"),
        records=lambda wildcards: STUDY.records(f"{wildcards.paper}/{wildcards.table}"),
    output:
        svg=report(
            "<results>/figures/{paper}/{table}/figure.svg",
            caption="../../reports/captions/figure.rst",
            category="Figures",
            subcategory="{paper}",
            labels={"figure": "{table}"},
        ),
        json="<results>/figures/{paper}/{table}/figure.json",
    log:
        "<results>/logs/figures/{paper}/{table}.log",
    localrule: True
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=lambda wildcards: made_of(
            "figures", f"{wildcards.paper}/{wildcards.table}"
        ),
        for_papers=STUDY.config.figure_files,
    script:
        f"{ROOT}/workflows/scripts/figure.py"


rule leaderboard:
    input:
        plan="<results>/plan.json",
        records=STUDY.records(),
    output:
        report(
            "<results>/leaderboard.csv",
            caption="../../reports/captions/leaderboard.rst",
            category="Runs",
            labels={"table": "leaderboard"},
        ),
    log:
        "<results>/logs/leaderboard.log",
    localrule: True
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=step_hash("leaderboard"),
    script:
        f"{ROOT}/workflows/scripts/leaderboard.py"


# Targets that make one table or figure of the study: `snakemake table_alrp_2`, `figure_alrp_4`.
for target in STUDY.targets():

    rule:
        name:
            target.name
        input:
            target.file,
        localrule: True
