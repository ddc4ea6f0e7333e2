"""Pending tealets that pause while they are ended: no message of the others is lost."""

import gc
import threading

import pytest

from conftest import check_stats
from tealetpp import Main, Status, TealetError, TealetExit


@pytest.fixture(autouse=True)
def collected_when_told():
    gc.disable()
    yield
    gc.enable()


class Scene:
    """A producer sends 1 to a consumer while garbage is pending that pauses as it is ended."""

    def __init__(self, main, pause):
        self.main, self.got, self.result = main, [], None
        self.consumer = main.tealet(self.consume)
        self.consumer.switch()
        self.producer = main.tealet(self.produce)
        garbage = main.tealet(self.unwind)
        garbage.itself = garbage
        garbage.switch(pause)

    def unwind(self, pause):
        try:
            self.main.switch()
        finally:
            pause(self)

    def consume(self):
        while True:
            self.got.append(self.main.switch("next"))

    def produce(self):
        gc.collect()
        try:
            self.result = self.consumer.switch(1)
        except BaseException as error:
            self.result = type(error), str(error)
            raise


def to_main(scene):
    scene.main.switch("flushing")


@pytest.fixture
def scene(main):
    made = Scene(main, to_main)
    assert made.producer.switch() == "flushing"
    # It is being ended before the producer has sent anything.
    assert made.got == []
    return made


REFUSES = "refuses to end: the tealet switched away instead of ending"


@pytest.mark.rule("pending-message")
def test_a_tealet_that_others_switch_to_receives_each_value(scene):
    assert [scene.consumer.switch(2), scene.consumer.switch(3)] == ["next", "next"]
    assert scene.got == [2, 3]
    check_stats(scene.main)


@pytest.mark.rule("pending-message")
def test_a_switch_goes_on_when_it_is_resumed_without_a_value(scene, unraisable):
    assert scene.consumer.switch(2) == "next"
    assert scene.producer.switch() == "next"
    assert scene.got == [2, 1]
    assert [error for error, text in unraisable if REFUSES in text] == [TealetError]
    assert scene.producer.switch("result") is None
    assert scene.result == "result"


@pytest.mark.rule("pending-message")
def test_a_value_that_cannot_be_delivered_is_named(scene, unraisable):
    with pytest.raises(TealetError, match=r"produce.* received 5 while it was ending .*unwind"):
        scene.producer.switch(5)
    assert scene.got == []
    assert scene.result[0] is TealetError
    assert scene.consumer.switch(2) == "next"
    assert scene.got == [2]
    assert len(unraisable) == 1


@pytest.mark.rule("pending-message")
def test_an_exception_is_raised_by_the_call(scene, unraisable):
    with pytest.raises(KeyError, match="thrown"):
        scene.producer.throw(KeyError("thrown"))
    assert scene.result == (KeyError, "'thrown'")
    assert scene.got == []
    assert len(unraisable) == 1


@pytest.mark.rule("pending-message")
def test_it_can_be_closed(scene, unraisable):
    scene.producer.close()
    assert scene.producer.status is Status.EXITED
    assert scene.result == (TealetExit, "")
    assert scene.got == []
    assert len(unraisable) == 1


@pytest.mark.rule("pending-message")
def test_the_result_of_another_tealet_is_a_message_too(scene, unraisable):
    with pytest.raises(TealetError, match="received 'ended' while it was ending"):
        scene.main.tealet(lambda: "ended", parent=scene.producer).switch()
    assert scene.got == []
    assert len(unraisable) == 1


@pytest.mark.rule("pending-message")
def test_it_may_have_ended_before(main, unraisable):
    """It pauses, main lets it end, and the message still came from main."""
    scene = Scene(main, to_main)
    assert scene.producer.switch() == "flushing"
    main.previous.parent = main
    assert main.previous.switch() is None
    with pytest.raises(TealetError, match="received 5 while it was ending"):
        scene.producer.switch(5)
    assert scene.got == []
    assert unraisable == []


@pytest.mark.rule("pending-message")
@pytest.mark.parametrize(
    "pause",
    [
        pytest.param(lambda scene: scene.producer.switch("its own"), id="value"),
        pytest.param(lambda scene: scene.producer.throw(KeyError("its own")), id="exception"),
        pytest.param(lambda scene: scene.main.tealet(scene.producer.switch).switch(), id="below"),
    ],
)
def test_what_it_sends_itself_disturbs_nobody(main, unraisable, pause):
    scene = Scene(main, pause)
    assert scene.producer.switch() == "next"
    assert scene.got == [1]
    assert len(unraisable) == 1
    assert scene.producer.switch("result") is None
    assert scene.result == "result"


@pytest.mark.rule("pending-message")
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda main, other: main.tealet(int), id="tealet"),
        pytest.param(lambda main, other: main.stub(), id="stub"),
        pytest.param(lambda main, other: main.tealet().run(int), id="run"),
        pytest.param(lambda main, other: other.throw(KeyError), id="throw"),
        pytest.param(lambda main, other: setattr(other, "parent", main), id="parent"),
        pytest.param(lambda main, other: other.close(), id="close"),
    ],
)
def test_other_calls_do_nothing_either(main, unraisable, call):
    scene = Scene(main, to_main)
    other = main.tealet(main.switch)
    before = main.stats().n_active

    def calls():
        gc.collect()
        call(main, other)

    caller = main.tealet(calls)
    assert caller.switch() == "flushing"
    with pytest.raises(TealetError, match="received 5 while it was ending"):
        caller.switch(5)
    assert other.status is Status.NEW
    assert main.stats().n_active == before
    assert scene.got == []


@pytest.mark.rule("pending-message")
def test_the_last_reference_to_a_tealet_that_pauses(main, unraisable):
    """It is pending then, so the one that it switches to receives its value first."""
    got = []

    def consume():
        while True:
            got.append(main.switch("next"))

    def lonely():
        main.switch()
        try:
            consumer.switch(1)
        finally:
            main.switch("flushing")

    consumer = main.tealet(consume)
    consumer.switch()
    last = main.tealet(lonely)
    last.switch()
    child = main.tealet(lambda: None, parent=last)
    del last
    assert child.switch() == "flushing"
    assert got == [1]
    assert consumer.switch() == "next"
    assert [consumer.switch(2), consumer.switch(3)] == ["next", "next"]
    assert got == [1, 2, 3]
    assert len(unraisable) == 1


@pytest.mark.rule("pending-message", "pending-exit")
def test_an_exit_that_arrives_after_a_call_is_raised_at_the_next_pause(main, unraisable):
    """What becomes pending in a call is ended at its end, where nothing can be raised."""
    log = []

    def collects():
        try:
            main.switch()
        finally:
            gc.collect()

    def closes():
        other = main.tealet(collects)
        other.switch()
        other.close()
        log.append("closed")
        main.switch()
        log.append("resumed")

    scene = Scene(main, to_main)
    closer = main.tealet(closes)
    assert closer.switch() is None  # `collects` pauses
    assert closer.switch() == "flushing"
    closer.close()
    assert closer.status is Status.EXITED
    assert log == ["closed"]
    assert scene.got == []
    assert len(unraisable) == 1


@pytest.mark.rule("pending-message", "closing-order")
def test_closing_a_main_ends_what_is_pending_first():
    """Nothing is pending in a tealet that is being closed, so it unwinds."""
    log = []

    def refuses_once(main):
        try:
            main.switch()
        except TealetExit:
            main.switch()

    def polite(main):
        try:
            main.switch()
        finally:
            log.append("unwound")

    def work():  # on a thread where no pending call of the interpreter ends them
        main = Main()
        dropped = [main.tealet(refuses_once)]
        dropped[0].switch(main)
        kept = main.tealet(polite)
        kept.switch(main)
        dropper = threading.Thread(target=dropped.clear)
        dropper.start()
        dropper.join()
        main.close()
        log.append(kept.status)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.unraisablehook", lambda args: log.append(str(args.exc_value)))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(log) == 3
    assert REFUSES in log[0]
    assert log[1:] == ["unwound", Status.EXITED]
