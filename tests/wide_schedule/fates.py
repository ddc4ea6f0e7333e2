"""The fates: what is expected of each tealet and each domain.

Nothing here refers to a tealet or a Main, so that predictions keep none alive.
"""

import gc
import weakref

from tealetpp import InvalidError, Main, ThreadError


class ReferenceToMain:
    """Finds a Main as long as it exists, and does not keep it alive.

    The collector may have cleared a weak reference: since CPython 3.14 evaluation stacks borrow
    references, so it finds a Main that only variables of its paused tealets refer to. These keep it
    alive when they are finalized, and are unwound afterwards.
    """

    def __init__(self, main, name, world):
        self.weak, self.address, self.name, self.world = weakref.ref(main), id(main), name, world
        main.name = name  # another one may get its address
        self.is_gone = False

    def __call__(self):
        main = self.weak()
        if main is not None or self.is_gone:
            return main
        is_collecting = self.world.collecting is not None  # then not all objects are listed
        main = self.search()
        self.is_gone = main is None and not is_collecting
        return main

    def search(self):
        for found in gc.get_referrers(Main, *Main.__subclasses__()):
            if id(found) == self.address and isinstance(found, Main) and found.name == self.name:
                return found
        return None


class Fate:
    """What is expected of one tealet. Main tealets have a fate, too."""

    def __init__(self, name, domain, status="new"):
        self.name = name
        self.domain = domain
        self.status = status  # new, stub, paused, running, ended, defunct
        self.resumes = self  # which tealet runs innermost when this one is resumed
        self.cause = None  # "dropped", "closed" or "handed over" once it may be unwound
        self.exiting = False
        self.refuses = 0  # how often it will refuse to end
        self.fails = False  # whether it raises another exception when it is unwound
        self.leaked = False  # may end without unwinding
        self.handles = False  # whether it paused in an `except` block
        self.must_be_found = False  # by the collector: how it is in a cycle, if it is
        self.unwound = 0
        self.closer = None  # who ran when it was unwound: on the thread, in its domain
        self.witness = None  # a weak reference to an object that its locals own

    def __repr__(self):
        return f"{self.name} ({self.status})"

    def is_leaked(self):
        """Whether it ends, or may end, without unwinding."""
        # At the memory limit, a tealet whose stack cannot be saved may become defunct.
        may_be_defunct = self.domain.limit is not None
        return self.leaked or may_be_defunct or self.domain.is_leaked()

    def may_keep_locals(self):
        """Whether its locals may never be freed. Only its C stack referred to an exception that was
        handled in the middle of a call, and the traceback refers to the frames."""
        home = self.domain.home  # the tealets inside it have paused with it
        return self.is_leaked() and (self.handles or (home is not None and home.may_keep_locals()))


class DomainRecord:
    """What is expected of one domain, and where it is nested."""

    def __init__(self, name, thread, home, limit):
        self.name = name
        self.thread = thread
        self.home = home  # the tealet that it was opened in
        self.limit = limit
        self.opened = thread.count_domain()
        self.main = self.current = Fate(f"main of {name}", self, "running")
        self.enclosing = home  # the tealet that ran outside when main ran last
        self.fates = []
        self.closing = self.may_close = self.closed = False
        self.plain = True  # whether all its tealets pause in main.switch(), and refer to none
        self.ref = self.address = None

    def __repr__(self):
        return f"domain {self.name}"

    def of(self, main):
        self.ref = ReferenceToMain(main, self.name, self.thread.world)
        self.address = id(main)

    def is_leaked(self):
        """Whether it ended, or may end, without unwinding."""
        return self.main.leaked or (self.home is not None and self.home.is_leaked())

    def may_be_closed(self):
        """Whether other code may have closed it by now."""
        return self.closing or self.may_close or self.closed or self.is_leaked()

    def is_exempt(self):
        """Whether it may be past its memory limit, from which closing is exempt."""
        return self.closing or self.may_close or any(fate.cause for fate in self.fates)

    def is_enclosing_exiting(self):
        outer = self.home
        while outer is not None:
            if outer.exiting:
                return True
            outer = outer.domain.home
        return False


class Nesting:
    """Which tealet runs on a thread, and so which of its domains can be used."""

    def __init__(self):
        self.running = None
        self.domains_opened = 0

    def count_domain(self):
        self.domains_opened += 1
        return self.domains_opened

    def enter(self, fate):
        domain = fate.domain
        domain.current = fate
        fate.status = "running"
        self.running = fate.resumes

    def leads_to(self, domain):
        is_active = domain.current is not domain.main
        place = domain.current if is_active else domain.home
        tealet = self.running
        while tealet is not place:
            if tealet is None or tealet.domain.opened < domain.opened:
                return False
            tealet = tealet.domain.enclosing
        return True

    def is_leaving(self):
        """Whether the body of the running tealet, or of one that encloses it, has ended. Then the
        domains that were opened in it are being closed."""
        tealet = self.running
        while tealet is not None and tealet.status != "ended":
            tealet = tealet.domain.enclosing
        return tealet is not None

    def is_handling_around(self, tealet, me):
        """Whether a main tealet between the running `tealet` and `me`, which encloses it, has
        paused in an `except` block."""
        while tealet is not me and tealet is not None:
            if tealet.domain.main.handles:
                return True
            tealet = tealet.domain.enclosing
        return False

    def foretell(self, domain, here):
        """Predicts the exception that using `domain` on the thread `here` raises. None if it can be
        used."""
        main = domain.ref() if domain.ref is not None else None  # no ref: it is being opened
        if main is None or domain.closed or (domain.home and domain.home.status == "ended"):
            return InvalidError
        if domain.thread is not here:
            return ThreadError
        return None if self.leads_to(domain) else InvalidError
