"""Kept apart per tealet: context variables."""

import contextvars
import decimal
import weakref

var = contextvars.ContextVar("var", default="default")


def test_a_tealet_begins_with_a_copy_from_when_it_was_created(main):
    token = var.set("at creation")
    t = main.tealet(var.get)
    var.set("at start")
    assert t.switch() == "at creation"
    var.reset(token)


def test_run_without_creation_function_too(main):
    token = var.set("at creation")
    t = main.tealet()
    var.set("at start")
    assert t.run(var.get) == "at creation"
    var.reset(token)


def test_a_stub_copies_when_it_runs(main):
    stub = main.stub()
    twin = stub.duplicate()
    for t, value in ((stub, "one"), (twin, "two")):
        token = var.set(value)
        assert t.run(var.get) == value
        var.reset(token)


def test_changes_stay_apart(main):
    def run(name):
        seen = [var.get()]
        var.set(name)
        for _ in range(3):
            main.switch()
            seen.append(var.get())
        return seen

    token = var.set("main's")
    ts = [main.tealet(run) for _ in range(4)]
    for n, t in enumerate(ts):
        t.switch(n)
        assert var.get() == "main's"
    for _ in range(2):
        for t in ts:
            t.switch()
            assert var.get() == "main's"
    assert [t.switch() for t in ts] == [["main's", n, n, n] for n in range(4)]
    assert var.get() == "main's"
    var.reset(token)


def test_the_lookup_cache_does_not_mix_them_up(main):
    """ContextVar.get() remembers its last answer until the context changes."""

    def run(value):
        var.set(value)
        while True:
            main.switch(var.get())

    a, b = main.tealet(run), main.tealet(run)
    a.switch("a"), b.switch("b")
    for _ in range(10):
        assert (a.switch(), b.switch(), var.get()) == ("a", "b", "default")


def test_context_run_pauses_inside(main):
    def run(value):
        context = contextvars.copy_context()

        def inside():
            var.set(value)
            main.switch()
            return var.get()

        return context.run(inside), var.get(), context[var]

    ts = [main.tealet(run) for _ in range(3)]
    for n, t in enumerate(ts):
        t.switch(n)
    assert [t.switch() for t in ts] == [(n, "default", n) for n in range(3)]


def test_tokens_reset_in_their_own_tealet(main):
    def run():
        token = var.set("set")
        main.switch()
        var.reset(token)
        return var.get()

    t = main.tealet(run)
    t.switch()
    assert t.switch() == "default"


def test_decimal_contexts_stay_apart(main):
    def run(digits):
        decimal.setcontext(decimal.Context(prec=digits))
        main.switch()
        return str(decimal.Decimal(1) / 3)

    ts = [main.tealet(run) for _ in range(3)]
    for n, t in enumerate(ts):
        t.switch(n + 3)
    before = decimal.getcontext().prec
    assert [t.switch() for t in ts] == ["0.333", "0.3333", "0.33333"]
    assert decimal.getcontext().prec == before


def test_a_local_decimal_context_around_a_switch(main):
    def run(digits):
        with decimal.localcontext() as context:
            context.prec = digits
            main.switch()
            return str(decimal.Decimal(1) / 3)

    ts = [main.tealet(run) for _ in range(3)]
    for n, t in enumerate(ts):
        t.switch(n + 3)
    assert [t.switch() for t in ts] == ["0.333", "0.3333", "0.33333"]


def test_values_are_let_go_with_their_tealet(main):
    class Value:
        pass

    def run():
        value = Value()
        var.set(value)
        main.switch(weakref.ref(value))

    for finish in ("switch", "close"):
        t = main.tealet(run)
        ref = t.switch()
        assert ref() is not None
        getattr(t, finish)()
        assert ref() is None
