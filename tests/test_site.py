"""The site of the documents, as ``nox -s docs`` builds it: its links, and each page in a browser.

Skipped where the site was not built, or is older than a document.
"""

import io
import re
import shutil
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from building import ROOT

SITE = ROOT / "build" / "docs" / "html"
PATTERNS = ("*.md", "docs/**/*.md", "docs/**/*.rst", "tests/README.md")
PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in PATTERNS
    for path in ROOT.glob(pattern)
    if path.name != "summary.md"  # a part of the README
)
GENERATED = ("genindex.html", "py-modindex.html", "search.html", "index.html")
PHONE = (360, 740)
DESKTOP = (1280, 900)
# Debian's Chromium needs these to run as root, and to leave the network alone.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars"),
)


def title_of(page):
    """The first heading of a page."""
    text = (ROOT / page).read_text()
    if page.suffix == ".md":
        return next(line for line in text.splitlines() if line.startswith("# "))[2:]
    return text.splitlines()[0]


def expected_title(page):
    version = re.search(
        r'TEALET_VERSION "(.*)"', (ROOT / "include/tealet/tealet_version.h").read_text()
    )[1]
    site = f"tealetpp {version}"
    return site if page.stem == "index" and len(page.parts) == 2 else f"{title_of(page)} - {site}"


@pytest.fixture(scope="module")
def site():
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not built: nox -s docs")
    built = (SITE / "index.html").stat().st_mtime
    newer = [str(page) for page in PAGES if (ROOT / page).stat().st_mtime > built]
    if newer:
        pytest.skip(f"the site is older than {newer[0]}: nox -s docs")
    return SITE


class Links(HTMLParser):
    """The targets of links and pictures of a page, and the places that it has."""

    def __init__(self, text):
        super().__init__()
        self.targets = []
        self.places = {""}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.targets += [named[name] for name in ("href", "src") if named.get(name)]
        self.places |= {named[name] for name in ("id", "name") if named.get(name)}


def test_the_site_has_each_document_and_no_other_page(site):
    built = {path.relative_to(site) for path in site.glob("**/*.html")}
    built -= {path for path in built if path.parts[0] in ("_static", "_modules")}
    expected = {page.with_suffix(".html") for page in PAGES}
    assert {str(path) for path in built - expected} <= set(GENERATED)
    assert expected - built == set()


def test_links_lead_to_pages_and_places_of_the_site(site):
    pages = {path: Links(path.read_text()) for path in site.glob("**/*.html")}
    wrong = []
    checked = 0
    for path, links in pages.items():
        for target in links.targets:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            file = (path.parent / unquote(url.path)).resolve() if url.path else path
            checked += 1
            known = pages.get(file)
            anchor = unquote(url.fragment)
            if not file.is_file() or (known and anchor not in known.places):
                wrong.append(f"{path.relative_to(site)}: {target}")
    assert checked > 1_000
    assert wrong == []


def test_the_references_have_what_they_are_for(site):
    python = (site / "docs/reference/python.html").read_text()
    for name in ("Main.tealet", "Tealet.switch", "Stats.bytes_allocated", "TealetExit"):
        assert f'id="tealetpp.{name}"' in python, name
    assert "Return a new tealet that will run" in python
    c = (site / "docs/reference/c.html").read_text()
    for name in ("tealet_initialize", "tealet_switch", "TEALET_ERR_MEM", "tealet_get_survey"):
        assert f'id="c.{name}"' in c, name
    assert "Closes the domain and frees what is left of it." in c
    cpp = (site / "docs/reference/cpp.html").read_text()
    for text in ("A domain on this thread, and its main tealet.", "chunk_count", "stack_exhausted"):
        assert text in cpp, text


# --- in a browser ---


@pytest.fixture(scope="module")
def browser(site, tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield running
    running.quit()


def show(browser, path, size, scheme="light"):
    """Open a page as a telephone or a desktop does."""
    screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.get(path.as_uri())


MISSING_PICTURES = """
return Array.from(document.images)
    .filter(image => !(image.complete && image.naturalWidth > 0))
    .map(image => image.src)
"""
# The elements that reach beyond the right edge. Code and tables scroll by themselves.
TOO_WIDE = """
const width = document.documentElement.clientWidth;
const wide = Array.from(document.querySelectorAll("body *")).filter(element =>
    element.getBoundingClientRect().right > width + 1
    && getComputedStyle(element).visibility !== "hidden"
    && !element.parentElement.closest(".table-wrapper, .highlight")
    && !element.closest(".toc-drawer"));
return [document.documentElement.scrollWidth > width ? "the page" : null, ...wide.map(element =>
    `${element.tagName} ${element.className}: ${element.textContent.slice(0, 60)}`)]
    .filter(found => found);
"""


def check_picture(png, folder, name):
    """A screenshot shows text: it has many colours, and no colour is nearly all of it."""
    pillow = pytest.importorskip("PIL.Image")
    (folder / f"{name}.png").write_bytes(png)
    picture = pillow.open(io.BytesIO(png)).convert("L")
    counts = picture.histogram()
    assert sum(count > 0 for count in counts) > 30
    assert max(counts) < 0.995 * sum(counts)
    return picture


@pytest.fixture(scope="module")
def pictures(site):
    """The folder of the screenshots, which people look at."""
    folder = site.parent / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_in_a_browser(page, site, browser, pictures):
    name = str(page.with_suffix("")).replace("/", "-")
    file = site / page.with_suffix(".html")
    grounds = {}
    for scheme in ("light", "dark"):
        show(browser, file, DESKTOP, scheme)
        assert browser.title == expected_title(page)
        assert browser.find_element("tag name", "h1").text.rstrip("#¶") == title_of(page)
        assert browser.execute_script(MISSING_PICTURES) == []
        picture = check_picture(browser.get_screenshot_as_png(), pictures, f"{name}-{scheme}")
        grounds[scheme] = picture.getpixel((DESKTOP[0] // 2, 2))
    assert grounds["light"] > 200 > 60 > grounds["dark"]

    show(browser, file, PHONE)
    assert browser.execute_script(TOO_WIDE) == []
    check_picture(browser.get_screenshot_as_png(), pictures, f"{name}-phone")
    assert browser.get_log("browser") == []


def test_the_folder_opens_the_front_page(site, browser):
    show(browser, site / "index.html", DESKTOP)
    browser.implicitly_wait(10)
    assert browser.find_element("tag name", "h1").text.startswith("tealetpp")
    assert browser.current_url == (site / "docs/index.html").as_uri()


def test_the_search_finds_a_page(site, browser):
    show(browser, site / "search.html", DESKTOP)
    browser.get(f"{(site / 'search.html').as_uri()}?q=memory_limit")
    browser.implicitly_wait(10)
    found = browser.find_element("css selector", "#search-results li a")
    assert found.text
