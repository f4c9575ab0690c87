"""What `rankdet.parsing` accepts and refuses: YAML and JSON as plain data."""

import time

import pytest

from rankdet.parsing import MOST_YAML, parse_json, parse_yaml


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' is given twice, first in line 1"),
        ("r:\n - {x: 1, x: 2}", "line 2: key 'x' is given twice"),
        ("a: 2026-01-02", "line 1: found the date 2026-01-02"),
        ("a: !!set {x}", "found the tag 'tag:yaml.org,2002:set'"),
        ("a: !!python/name:os.system x", "found the tag"),
        ("a: 1:30", "base 60"),
        ("a: 010", "octal"),
        ("a: .nan", "numbers must be finite"),
        ("a: -.INF", "numbers must be finite"),
        (f"a: {2**64}", "must fit in 64 bits"),
        (f"a: {'9' * 5000}", "must fit in 64 bits"),
        ("yes: 1", "line 1: a key must be a text; write 'yes' in quotes"),
        ("? [a]\n: 1", "a key must be a text, found a list"),
        ("a: &a [1, *a]", r"\*a is inside &a itself"),
        (bomb(40), "more than 100,000 values"),
        ("[" * 2000, "levels of nesting"),
        ("- " * 2000, "levels of nesting"),
        ("x" * (MOST_YAML + 1), "characters"),
        ('a: "\\e[31m"', "line 1: found the character U\\+001B"),
        ("a: \ud800", r"U\+D800"),
        ("a: [", "not valid YAML: line 2"),
        ("a: *b", "not valid YAML: line 1: found undefined alias"),
    ],
)
def test_yaml_that_is_not_plain_is_refused_in_one_line_at_once(text, message):
    started = time.monotonic()
    with pytest.raises(ValueError, match=message) as error:
        parse_yaml(text)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200
    assert time.monotonic() - started < 5


def test_plain_yaml_has_its_usual_values():
    text = "a: &a {x: 1_000, y: 1.5e+3}\nb: {<<: *a, y: 2}\nc: [true, ~, 0x1F, é, '2026-01-02']\n"
    a = {"x": 1000, "y": 1500.0}
    assert parse_yaml(text) == {
        "a": a,
        "b": {**a, "y": 2},
        "c": [True, None, 31, "é", "2026-01-02"],
    }
    assert parse_yaml("") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": {"b": [0, NaN]}}', r"a\.b\[1\]: found nan"),
        ('{"a": 1e999}', "a: found inf"),
        ('{"a": 1, "a": 2}', "key 'a' is given twice"),
        ("1" * 5000, "must fit in 64 bits"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": "\\ud800"}', r"a: found the character U\+D800"),
        ("{", "Expecting"),
    ],
)
def test_json_that_is_not_plain_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_json(text)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_plain_json_has_its_usual_values():
    assert parse_json('{"a": [1, -0.5, "\\u00e9", null, true]}') == {
        "a": [1, -0.5, "é", None, True]
    }
