"""The site of the documents."""

from __future__ import annotations

import nox

from sessions.packages import check_tools, install_package


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into build/docs/html, check the links inside it, and look at each page."""
    check_tools(session, "doxygen", "chromium", "chromedriver")
    install_package(session, "docs")
    common = ("-W", "--keep-going", "-n", "-d", "build/docs/doctrees", "-c", "docs", ".")
    for builder in ("html", "linkcheck"):
        session.run("sphinx-build", "-b", builder, *common, f"build/docs/{builder}")
    session.run("pytest", "tests/test_site.py", *session.posargs)
