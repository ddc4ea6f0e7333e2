"""Pickling and copying. No way of construction makes an object without a value."""

import copy
import copyreg
import pickle
import subprocess
import sys

import pytest

from tealetpp import Main, Stats, StatsDifference, Status, Tealet, _report

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
PYBIND11_OBJECT = Tealet.__base__


class Derived(Main):
    def __init__(self):
        super().__init__()
        self.extra = 1


@pytest.fixture(params=["tealet", "paused", "stub", "main", "derived"])
def living(request, main):
    if request.param == "derived":
        with Derived() as derived:
            yield derived
    elif request.param == "main":
        yield main
    elif request.param == "stub":
        yield main.stub()
    else:
        t = main.tealet(main.switch)
        if request.param == "paused":
            t.switch()
        yield t


WAYS = {
    **{f"pickle {p}": lambda o, p=p: pickle.dumps(o, p) for p in PROTOCOLS},
    **{f"python pickle {p}": lambda o, p=p: pickle._dumps(o, p) for p in PROTOCOLS},
    **{f"reduce_ex {p}": lambda o, p=p: o.__reduce_ex__(p) for p in PROTOCOLS},
    **{f"object.reduce_ex {p}": lambda o, p=p: object.__reduce_ex__(o, p) for p in PROTOCOLS},
    **{f"copyreg {p}": lambda o, p=p: copyreg._reduce_ex(o, p) for p in (0, 1)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "within a list": lambda o: copy.deepcopy([o]),
    "reduce": lambda o: o.__reduce__(),
    "object.reduce": lambda o: object.__reduce__(o),
    "a bound method": lambda o: pickle.dumps(o.switch),
    "its base type": PYBIND11_OBJECT,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_tealet_can_be_neither_pickled_nor_copied(living, way):
    with pytest.raises(TypeError):
        way(living)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_message_names_the_type(main, protocol):
    with pytest.raises(TypeError, match=r"cannot pickle 'tealetpp\.Tealet' object"):
        pickle.dumps(main.tealet(), protocol)
    with pytest.raises(TypeError, match=r"cannot pickle 'tealetpp\.Main' object"):
        pickle.dumps(main, protocol)


def test_a_subclass_may_say_how_it_is_copied():
    class Counted(Main):
        def __reduce__(self):
            return Counted, ()

    with Counted() as counted, copy.copy(counted) as other:
        assert type(other) is Counted
        assert other is not counted


# --- statistics: values, so they can ---


@pytest.fixture
def snapshots(main):
    before = main.stats()
    tealets = [main.tealet(main.switch) for _ in range(5)]
    for t in tealets:
        t.switch()
    return before, main.stats()


@pytest.fixture(params=["snapshot", "later less earlier", "earlier less later"])
def value(request, snapshots):
    before, after = snapshots
    if request.param == "snapshot":
        return after
    return after - before if request.param == "later less earlier" else before - after


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickled_value_is_equal(value, protocol):
    again = pickle.loads(pickle.dumps(value, protocol))
    assert type(again) is type(value)
    assert again == value
    assert repr(again.to_dict()) == repr(value.to_dict())


def test_copies_of_what_is_immutable(value):
    assert copy.copy(value) is value
    assert copy.deepcopy(value) is value
    assert copy.deepcopy([value])[0] is value


def test_differences_are_compared_by_value(snapshots):
    before, after = snapshots
    assert after - before == after - before
    if after.enabled:
        assert after - before != before - after
    assert (after - before).__eq__(after) is NotImplemented
    with pytest.raises(TypeError, match="unhashable"):
        hash(after - before)


def test_another_process_can_read_it(value):
    program = (
        "import pickle, sys; value = pickle.load(sys.stdin.buffer);"
        "sys.stdout.buffer.write(pickle.dumps(value))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(value), capture_output=True, check=True
    )
    assert pickle.loads(done.stdout) == value


def test_figures_of_another_version():
    stats = _report.restore({"n_active": 7, "what only a later version has": 5})
    assert (stats.n_active, stats.n_total, stats.enabled) == (7, 0, False)
    assert _report.restore_difference({"stack_bytes": -3}).stack_bytes == -3


@pytest.mark.parametrize(
    ("figures", "error"),
    [
        ([], TypeError),
        ({"n_active": "7"}, TypeError),
        ({"n_active": -1}, OverflowError),
        ({"enabled": None}, TypeError),
        ({"n_active": 1 << 64}, OverflowError),
    ],
)
def test_figures_that_are_none(figures, error):
    with pytest.raises(error):
        _report.restore(figures)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("status", Status)
def test_a_status_is_the_same_one(status, protocol):
    assert pickle.loads(pickle.dumps(status, protocol)) is status
    assert copy.copy(status) is copy.deepcopy(status) is status


# --- ways around the constructors ---


# pybind11 can make objects of these types without a C++ value.
BASES = [
    PYBIND11_OBJECT,
    type("Bare", (PYBIND11_OBJECT,), {}),
    type(PYBIND11_OBJECT)("Bare", (PYBIND11_OBJECT,), {}),
]


@pytest.mark.parametrize("base", BASES)
def test_there_are_no_objects_without_a_type_of_ours(base):
    for make in (base, lambda: base.__new__(base), lambda: copyreg.__newobj__(base)):
        with pytest.raises(TypeError, match="cannot create"):
            make()


@pytest.mark.parametrize("kind", [Stats, StatsDifference])
def test_statistics_are_made_by_a_domain_only(kind):
    derived = type("Derived", (kind,), {})
    around = type(
        "Around",
        (kind,),
        {"__new__": lambda cls: PYBIND11_OBJECT.__new__(cls)},
    )
    ways = [
        kind,
        derived,
        around,
        lambda: kind.__new__(kind),
        lambda: kind.__new__(derived),
        lambda: object.__new__(kind),
        lambda: PYBIND11_OBJECT.__new__(kind),
        lambda: copyreg.__newobj__(kind),
        lambda: copyreg._reconstructor(kind, object, None),
        lambda: copyreg._reconstructor(kind, PYBIND11_OBJECT, None),
    ]
    for way in ways:
        with pytest.raises(TypeError):
            way()


@pytest.mark.parametrize("kind", [Tealet, Main, Derived])
def test_object_new_is_refused(kind):
    with pytest.raises(TypeError, match="not safe"):
        object.__new__(kind)


def test_no_object_changes_its_type(main, snapshots):
    class Other(Main):
        __slots__ = ()

    class OtherTealet(Tealet):
        __slots__ = ()

    t, stats = main.tealet(int), snapshots[0]
    for thing, kind in [
        (t, Main),
        (t, Other),
        (main, Tealet),
        (main, OtherTealet),
        (stats, StatsDifference),
        (stats - stats, Stats),
        (stats, PYBIND11_OBJECT),
        (stats, Tealet),
    ]:
        with pytest.raises(TypeError, match="__class__"):
            thing.__class__ = kind
    main.__class__ = Other
    main.__class__ = Main
