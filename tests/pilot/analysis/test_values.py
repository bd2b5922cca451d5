from pilot.analysis.values import at, labels_at, mappings_at, number_at, selects_by, text_at, texts_at

ODD = {"a": {"b": [{"c": 1}, 7]}, "yes": True, "port": "80", "names": ["x", 2]}


def test_whatever_is_there_nothing_raises() -> None:
    assert at(ODD, "a", "b", "c") is None
    assert mappings_at(ODD, "a", "b") == [{"c": 1}, {}]
    assert (number_at(ODD, "port"), number_at(ODD, "yes"), number_at(None, "x")) == (80, 0, 0)
    assert (text_at(ODD, "yes"), text_at(ODD, "a")) == ("true", "")
    assert (texts_at(ODD, "names"), labels_at(ODD, "names")) == (["x", "2"], {})


def test_selectors_of_kubernetes_are_understood() -> None:
    def has(operator: str, *values: str) -> bool:
        return selects_by(
            {"matchExpressions": [{"key": "a", "operator": operator, "values": list(values)}]}, {"a": "1"}
        )

    assert selects_by(None, {})
    assert selects_by({"matchLabels": {"a": "1"}}, {"a": "1"})
    assert (has("In", "1"), has("NotIn", "1"), has("Exists"), has("DoesNotExist"), has("Odd")) == (
        True, False, True, False, False)  # fmt: skip
