"""Functions of rules: Snakemake finds the same parameters, and passes the same values."""

from snakemake.common import get_function_params, get_input_function_aux_params

from rankdet.jobs.quick import quick


class Needs:
    """A method of it, as rules use them."""

    def memory(self, wildcards: dict, input: list, attempt: int = 1) -> str:
        return f"{wildcards['run']} {len(input)} {attempt}"


def test_snakemake_finds_the_parameters_and_passes_the_values() -> None:
    function = quick(Needs().memory)
    assert list(get_function_params(function)) == ["wildcards", "input", "attempt"]
    offered = {"input": ["a", "b"], "attempt": 3, "output": []}
    passed = get_input_function_aux_params(function, offered)
    assert function({"run": "x"}, **passed) == "x 2 3"


def test_functions_of_threads_can_still_be_told() -> None:
    """Snakemake does not compare params that are functions of `threads`."""
    assert "threads" in get_function_params(quick(lambda wildcards, threads: None))
    assert list(get_function_params(quick(lambda wildcards: None))) == ["wildcards"]
