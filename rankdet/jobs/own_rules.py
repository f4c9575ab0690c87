"""Rules of the user that are made of ours: `use rule train as train_mine with: ...`.

Such a rule inherits more than Snakemake gives it: what a profile sets for our rule (Snakemake goes
by the name), the resources that it does not name, such as time and GPUs, and its place before our
rule. What cannot work is an error of one line.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rankdet.study.plan import Study
from rankdet.suggest import choice

SET = ("_parsed_overwrite_resources", "_parsed_overwrite_threads")  # by name of the rule
BEFORE_TRAIN = ("imported", "untrained", "given")
ON_GPUS = ("predict", "untrained", "cost")  # besides trainings
RUN_PARTS = ("{detector", "{loss", "{seed")  # of the path of a run
REPLACED = ("output", "log", "benchmark")  # records and reports are read from these paths


def follow_own_rules(workflow: Any, study: Study) -> None:
    """Makes later rules that are made of ours inherit settings, resources and order.

    Call it before the first rule.

    Args:
        workflow: Snakemake's workflow.
        study: The study.
    """
    trainings = [training.rule for training in study.trainings()]
    _share(workflow, trainings[0], trainings[1:])
    if getattr(workflow, "rankdet_own_rules", False):  # a module is read again for each `use rule`
        return
    workflow.rankdet_own_rules = True
    original = workflow.userule

    def userule(
        rules: Sequence[str],
        from_module: str | None = None,
        exclude_rules: Sequence[str] | None = None,
        name_modifier: str | None = None,
        lineno: int | None = None,
    ) -> Callable[[Any], Any]:
        decorate = original(
            rules=rules,
            from_module=from_module,
            exclude_rules=exclude_rules,
            name_modifier=name_modifier,
            lineno=lineno,
        )
        base = rules[0] if len(rules) == 1 else "*"
        ours = base in (*trainings, *ON_GPUS) or _has(workflow, base)
        if base == "*" or (from_module and not ours):
            return decorate  # all rules of a module, or a rule of another module

        def checked(ruleinfo: Any) -> Any:
            problem = _problem(workflow, base, from_module, name_modifier, ruleinfo, trainings)
            if problem:
                print(f"error: {_place(workflow, lineno)}: {problem}", file=sys.stderr)
                sys.exit(2)
            assert name_modifier is not None
            _share(workflow, base, [name_modifier])
            _keep_resources(ruleinfo, workflow.get_rule(base).ruleinfo)
            first = BEFORE_TRAIN if base in trainings else ()
            if base in trainings:
                trainings.append(name_modifier)
            workflow.ruleorder(*first, name_modifier, base)
            return decorate(ruleinfo)

        return checked

    workflow.userule = userule


def _has(workflow: Any, name: str) -> bool:
    return any(rule.name == name for rule in workflow.rules)


def _share(workflow: Any, base: str, others: Sequence[str]) -> None:
    """Makes what is set for a rule (by a profile or the command line) count for other rules."""
    for kind in SET:
        given = getattr(workflow.resource_settings, kind)
        if base in given:
            for name in others:
                given.setdefault(name, given[base])


def _keep_resources(ruleinfo: Any, base: Any) -> None:
    """Adds the resources that a rule does not name: Snakemake keeps only those after `with`."""
    if getattr(ruleinfo, "resources", None) and getattr(base, "resources", None):
        positional, named = ruleinfo.resources
        ruleinfo.resources = (positional, {**base.resources[1], **named})


def _problem(
    workflow: Any,
    base: str,
    from_module: str | None,
    name: str | None,
    ruleinfo: Any,
    trainings: Sequence[str],
) -> str | None:
    known = [rule.name for rule in workflow.rules]
    if base not in known:
        return f"use rule {base}: there is no such rule; {choice(base, known)}"
    if not name or name == base:
        origin = f" from {from_module}" if from_module else ""
        return f"use rule {base}: the rule needs a new name: use rule {base}{origin} as {base}_mine"
    for key in REPLACED:
        if getattr(ruleinfo, key, None) is not None:
            return (
                f"rule {name}: {key}: the report reads these files where rule {base} writes them; "
                "remove it, and choose the runs with `run=` under pathvars"
            )
    path = _run_path(getattr(ruleinfo, "pathvars", None))
    missing = [part[1:] for part in RUN_PARTS if path is not None and part not in path]
    if missing and base in trainings:
        return (
            f"rule {name}: pathvars: run has no {{{missing[0]}}}; give "
            'run="<dataset>/{detector}/{loss,mine}/seed{seed,[0-9]+}"'
        )
    return None


def _run_path(pathvars: Mapping[str, str] | Any) -> str | None:
    found = pathvars.get("run") if isinstance(pathvars, Mapping) else None
    return found if isinstance(found, str) else None


def _place(workflow: Any, line: int | None) -> str:
    """The file of the user that is being read, and the line if it is known."""
    stack = workflow.included_stack
    file = str(stack[-1].get_path_or_uri(secret_free=True)) if stack else "Snakefile"
    lines = workflow.linemaps.get(file, {})
    name = file.rpartition("/")[2]
    return f"{name}:{lines.get(line, line)}" if line else name
