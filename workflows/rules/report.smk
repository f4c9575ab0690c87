# The report: one folder of offline pages.
rule report:
    input:
        plan="<results>/plan.json",
        records=STUDY.records(),
        sweeps=STUDY.sweeps(),
        test_variants=STUDY.test_variants(),
        epochs=STUDY.kept_epochs(),
        tables=expand("<results>/tables/{name}/table.csv", name=STUDY.tables),
        figures=expand("<results>/figures/{name}/figure.svg", name=STUDY.figures),
        leaderboard="<results>/leaderboard.csv",
        cost=STUDY.cost_record,
    output:
        STUDY.report,
    log:
        "<results>/logs/report.log",
    benchmark:
        "<results>/logs/report.tsv"
    localrule: True
    conda:
        f"{ROOT}/envs/rankdet.yaml"
    params:
        made_of=step_hash("report"),
    script:
        f"{ROOT}/workflows/scripts/report.py"
