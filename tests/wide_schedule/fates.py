"""The expected fate of each tealet and each domain. Nothing here refers to a tealet or a Main."""

import weakref

from tealetpp import InvalidError, ThreadError


class Fate:
    """One tealet, or the main one of a domain."""

    def __init__(self, name, domain, status="new"):
        self.name = name
        self.domain = domain
        self.status = status  # new, stub, paused, running, ended, defunct
        self.resumes = self  # which tealet runs innermost when this one is resumed
        self.cause = None  # why it may be unwound, if it may
        self.exiting = False
        self.refuses = 0  # how often it will refuse to end
        self.fails = False  # whether it raises another exception when it is unwound
        self.leaked = False  # may never unwind
        self.handles = False  # whether it paused in an `except` block
        self.must_be_found = False  # by the collector
        self.unwound = 0
        self.closer = None  # the running tealets, here and in its domain, when it was unwound
        self.witness = None  # a weak reference to an object that its locals own

    def __repr__(self):
        return f"{self.name} ({self.status})"

    def is_leaked(self):
        """Whether it ends, or may end, without unwinding."""
        # At the memory limit, a tealet whose stack cannot be saved may become defunct.
        may_be_defunct = self.domain.limit is not None
        return self.leaked or may_be_defunct or self.domain.is_leaked()

    def may_keep_locals(self):
        """Whether they may stay for ever: only the C stack knew of an exception that was handled
        in the middle of a call, and its traceback refers to the frames."""
        home = self.domain.home  # the tealets inside it have paused with it
        return self.is_leaked() and (self.handles or (home is not None and home.may_keep_locals()))


class DomainRecord:
    """One domain, and its place among the domains of its thread."""

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
        self.ref = None

    def __repr__(self):
        return f"domain {self.name}"

    def of(self, main):
        self.ref = weakref.ref(main)

    def is_leaked(self):
        """Whether it ended, or may end, without unwinding."""
        return self.main.leaked or (self.home is not None and self.home.is_leaked())

    def may_be_closed(self):
        """Whether it may have been closed by now, by whatever came between."""
        return self.closing or self.may_close or self.closed or self.is_leaked()

    def is_exempt(self):
        """Whether something of it may have been closed: that does not ask for the limit."""
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
        """Whether the body of what runs, or of what that runs in, has ended. Then what it has
        opened is being closed."""
        tealet = self.running
        while tealet is not None and tealet.status != "ended":
            tealet = tealet.domain.enclosing
        return tealet is not None

    def is_handling_around(self, tealet, me):
        """Whether something does between `tealet`, which runs, and `me`, which it runs in."""
        while tealet is not me and tealet is not None:
            if tealet.domain.main.handles:
                return True
            tealet = tealet.domain.enclosing
        return False

    def foretell(self, domain, here):
        """The exception that using `domain` from the thread `here` gets; None if it can be used."""
        main = domain.ref() if domain.ref is not None else None  # it is just being opened
        if main is None or domain.closed or (domain.home and domain.home.status == "ended"):
            return InvalidError
        if domain.thread is not here:
            return ThreadError
        return None if self.leads_to(domain) else InvalidError
