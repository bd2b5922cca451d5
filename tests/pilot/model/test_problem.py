from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem, Severity


def test_a_problem_says_where_what_and_why_in_one_line() -> None:
    key = ObjectKey("VirtualService", "default", "reviews")
    problem = Problem("unknown field, did you mean hosts?", key, "conf/a.yaml", 7, "spec.hots")
    assert str(problem) == (
        "conf/a.yaml:7: VirtualService default/reviews: spec.hots: unknown field, did you mean hosts?"
    )


def test_what_is_not_known_is_left_out() -> None:
    assert str(Problem("broken")) == "broken"
    assert str(Problem("cannot be read", None, "conf")) == "conf: cannot be read"


def test_a_problem_is_an_error_unless_it_says_otherwise() -> None:
    assert Problem("x").severity is Severity.ERROR
