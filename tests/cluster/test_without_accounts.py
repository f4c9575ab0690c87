"""A study as the documentation starts it, on a cluster that keeps no accounts; what cannot run."""

import json

import pytest

from tests.cluster.conftest import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
CHANGES = (
    ("losses: [ap, alrp]", "losses: [ap]"),
    ("iterations: 40", "iterations: 8\n  gpus: 2"),
    ("warmup: 10", "warmup: 2"),
    ("checkpoint_every: 12", "checkpoint_every: 4"),
    ("preset: small", "preset: small\ndevice: cpu\nuntrained: false"),
)


@pytest.fixture(scope="module")
def slurm(request):
    yield from running(accounts=False, request=request)


@pytest.mark.fault("SLURM: job that no node can run")
@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (["--set-threads", "train=64"], {}, "can never start: it asks for 64 threads"),
        (["--set-resources", "train:gpu=9"], {}, "it asks for 9 GPUs"),
        (["--set-resources", "train:mem_mb=900000"], {}, "900,000 MB of memory"),
        ([], {"partition": "night"}, "the cluster has no partition night"),
    ],
)
def test_the_impossible_is_refused_at_once_in_one_line(slurm, project, arguments, variables, words):
    flow = project.start(*arguments, **variables)
    assert flow.finish() == 2
    lines = [line for line in flow.text().splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and words in lines[0]
    assert "Traceback" not in flow.text()
    assert not slurm.ask("squeue", "-h")


@pytest.mark.fault("SLURM: `sbatch` refuses a job")
def test_an_error_of_sbatch_is_one_line_with_its_words(slurm, project):
    flow = project.start(extra="--constraint=nothing")
    assert flow.finish() == 1
    line = next(line for line in flow.text().splitlines() if line.startswith("error: "))
    assert "SLURM refused the job: " in line and "Invalid feature specification" in line
    assert "site.yaml" in line


def test_the_study_of_continuous_integration_with_two_processes_a_run(slurm, project):
    text = (project.root / "config" / "ci.yaml").read_text()
    for old, new in CHANGES:
        assert old in text
        text = text.replace(old, new)
    (project.root / "ci.yaml").write_text(text)
    flow = project.start(study="ci.yaml")
    assert flow.finish() == 0, flow.text()
    run = project.root / "results" / "ci" / "shapes" / "retinanet" / "ap" / "seed1"
    assert json.loads((run / "run.json").read_text())["training"]["gpus"] == 2
    assert (project.root / "reports" / "html" / "ci" / "index.html").exists()
    submitted = flow.text().count("has been submitted with SLURM jobid")
    assert submitted == 2  # the dataset, and all of the run
    ended = slurm.ask("scontrol", "show", "job", "-o")
    assert ended.count("JobState=COMPLETED") == submitted and "NumCPUs=2" in ended
    assert "done: evaluate (val) shapes/retinanet/ap/seed1" in flow.text()
