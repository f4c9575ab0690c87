"""The profiles speak of rules that exist, and of every rule that wants a GPU."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULE = re.compile(r"^(?:use )?rule (\w+)(?: as (\w+) with)?:", re.MULTILINE)


def rules():
    """Returns every rule's name, and the rule that it is made of (itself, for most)."""
    texts = [path.read_text() for path in (ROOT / "workflows" / "rules").glob("*.smk")]
    found = [match for text in texts for match in RULE.findall(text)]
    return {new or base: base for base, new in found}


def settings(profile, key):
    """Returns rule to the names of what a profile sets for it under a key."""
    found = yaml.safe_load((ROOT / "profiles" / profile / "profile.yaml").read_text())
    names = {}
    for entry in found[key]:
        rule, setting = entry.split("=")[0].split(":") if ":" in entry else (entry, "")
        names.setdefault(rule.split("=")[0], set()).add(setting)
    return names


@pytest.mark.parametrize("key", ["set-threads", "set-resources"])
def test_a_cluster_sets_rules_that_exist(key):
    assert set(settings("slurm", key)) <= set(rules())


def test_a_cluster_treats_a_rule_as_what_it_is_made_of():
    found = settings("slurm", "set-resources")
    assert {name: found.get(name) for name in rules()} == {
        name: found.get(base) for name, base in rules().items()
    }
