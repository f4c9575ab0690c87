"""The profiles name only existing rules, and every rule that needs a GPU."""

import re
from pathlib import Path

import yaml

from rankdet.study.kept_epochs import trainings

ROOT = Path(__file__).resolve().parents[2]
RULE = re.compile(r"^(?:use )?rule (\w+)(?: as (\w+) with)?:", re.MULTILINE)


def rules():
    """Returns every rule's name, and the rule that it is made of (itself, for most)."""
    texts = [path.read_text() for path in (ROOT / "workflows" / "rules").glob("*.smk")]
    found = [match for text in texts for match in RULE.findall(text)]
    train = trainings([])[0].rule  # the rules that train have their names from the study
    return {new or base: base for base, new in found} | {train: train}


def settings(profile, key):
    """Returns rule to the names of the settings that a profile has for it under a key."""
    found = yaml.safe_load((ROOT / "profiles" / profile / "profile.yaml").read_text())
    names = {}
    for entry in found[key]:
        rule, setting = entry.split("=")[0].split(":") if ":" in entry else (entry, "")
        names.setdefault(rule.split("=")[0], set()).add(setting)
    return names


def test_a_cluster_sets_rules_that_exist():
    assert set(settings("slurm", "set-resources")) <= set(rules())


def test_the_gpus_and_threads_of_a_training_are_those_of_its_run():
    found = yaml.safe_load((ROOT / "profiles" / "slurm" / "profile.yaml").read_text())
    assert "set-threads" not in found
    assert not [entry for entry in found["set-resources"] if entry.startswith("train:gpu")]


def test_a_cluster_treats_a_rule_as_what_it_is_made_of():
    found = settings("slurm", "set-resources")
    assert {name: found.get(name) for name in rules()} == {
        name: found.get(base) for name, base in rules().items()
    }
