"""What `rankdet.parsing` accepts and refuses: YAML, JSON and CSV as plain data."""

import time

import pytest

from rankdet.parsing import MOST_YAML, parse_csv, parse_json, parse_number, parse_yaml


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.fault(
    "YAML with a key given twice, a date, a tag, a bomb of aliases or odd characters"
)
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


@pytest.mark.fault("JSON with a key given twice, NaN, huge numbers or odd characters")
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
        ("\ufeff{}", "byte order mark"),
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


def test_csv_has_lines_and_cells():
    header, rows = parse_csv('\ufeffa,b\n1,"x, ""y"""\n"two\nlines",\n')
    assert header == ["a", "b"]
    assert rows == [(2, {"a": "1", "b": 'x, "y"'}), (4, {"a": "two\nlines", "b": ""})]


@pytest.mark.fault("CSV with a cut row, bad quotes, unnamed columns or unprintable characters")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no names of columns"),
        ("\n1,2\n", "line 1: no names of columns"),
        ("a,,b\n", "line 1: column 2 has no name"),
        ("a,b,a\n1,2,3\n", "line 1: column 'a' occurs twice"),
        ("a,b\n1,2\n3\n", "line 3: 1 cells, expected 2"),
        ("a,b\n1,2,3\n", "line 2: 3 cells, expected 2"),
        ("a,b\n1,2\n\n3,4\n", "line 3: 0 cells, expected 2"),
        ('a,b\n1,"2\n', "line 2: unexpected end of data"),
        ('a,b\n1,"2"x\n', "line 2: ',' expected after"),
        (f'a\n"{"x" * 200_000}"\n', "field larger than field limit"),
        ("a\n\x1b[31m\n", r"line 2: found the character U\+001B"),
        ("a\n\x00\n", r"line 2: found the character U\+0000"),
    ],
)
def test_csv_that_is_refused(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_csv(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["1", "-1.5", "+.5", "1e-3", "00.10", "5."])
def test_numbers_of_cells(text):
    assert parse_number(text) == float(text)


@pytest.mark.fault("cell of a CSV that Python reads as a number and people do not")
@pytest.mark.parametrize("text", ["1_0", "١", "nan", "inf", "1e999", "", " 1", "0x1", "1,5", "--1"])
def test_what_is_no_number(text):
    with pytest.raises(ValueError, match="not a number"):
        parse_number(text)
