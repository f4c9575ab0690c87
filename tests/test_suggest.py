"""The nearest known name, and the merging of mappings."""

from rankdet.suggest import choice, merged_by_type, nearest


def test_the_nearest_name():
    assert nearest("retinanett", ["atss", "retinanet"]) == "did you mean 'retinanet'?"
    assert nearest("x", ["atss", "retinanet"]) == "known: atss, retinanet"
    assert choice("ats", ["atss", "fcos"]) == "did you mean 'atss'? known: atss, fcos"
    assert choice("x", ["atss", "fcos"]) == "known: atss, fcos"


def test_mappings_are_merged_key_by_key():
    base = {"a": {"x": 1, "y": 2}, "b": [1]}
    assert merged_by_type(base, {"a": {"y": 3}}, {"c": 4, "a": {"z": 5}}) == {
        "a": {"x": 1, "y": 3, "z": 5},
        "b": [1],
        "c": 4,
    }
    assert base == {"a": {"x": 1, "y": 2}, "b": [1]}


def test_another_type_replaces_the_arguments():
    base = {"box": {"type": "giou", "weight": 2}}
    assert merged_by_type(base, {"box": {"type": "l1"}}) == {"box": {"type": "l1"}}
    assert merged_by_type(base, {"box": {"weight": 3}}) == {"box": {"type": "giou", "weight": 3}}
    assert merged_by_type(base, {"box": {"type": "giou", "weight": 4}}) == {
        "box": {"type": "giou", "weight": 4}
    }


def test_nothing_is_shared():
    base, change = {"a": {"list": [1]}}, {"b": {"list": [2]}}
    result = merged_by_type(base, change)
    result["a"]["list"].append(9)
    result["b"]["list"].append(9)
    assert (base, change) == ({"a": {"list": [1]}}, {"b": {"list": [2]}})
