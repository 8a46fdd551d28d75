"""The built documentation as a reader meets it: its links, and its pages in a real browser.

Run with `pytest -m docs tests/test_site.py`. It skips where the site has not been built (the README
says how), or where there is no Chromium with its driver (on Debian
`apt-get install chromium chromium-driver`).
"""

import functools
import json
import shutil
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(__file__).parent.parent / "docs" / "_build" / "html"
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.html")
    if path.parts[len(SITE.parts)] not in ("_static", "_modules", "_downloads")
)
GUIDE = ["guide/objective.html", "guide/dropout.html", "gallery/plot_loops.html"]
NARROW = 380  # px: a telephone
READABLE = 4.5  # the contrast that WCAG 2 (AA) asks of text

# Texts whose contrast with what is behind them is below a threshold: [ratio, text] each.
FAINT = """
const threshold = arguments[0], canvas = document.createElement("canvas");
canvas.width = canvas.height = 1;
const pen = canvas.getContext("2d", {willReadFrequently: true});
function over(colour, below) {
  pen.fillStyle = `rgb(${below})`; pen.fillRect(0, 0, 1, 1);
  pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}
function behind(element) {
  if (!element) return [255, 255, 255];
  return over(getComputedStyle(element).backgroundColor, behind(element.parentElement));
}
function luminance(rgb) {
  const [r, g, b] = rgb.map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
const aside = "script, style, mjx-assistive-mml, .headerlink, .search-button__kbd-shortcut";
const faint = [];
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
  const shown = element.checkVisibility({opacityProperty: true, visibilityProperty: true});
  if (!text || !shown) continue;
  if (element.closest(aside)) continue;
  const back = behind(element), front = over(getComputedStyle(element).color, back);
  const [low, high] = [luminance(back), luminance(front)].sort((a, b) => a - b);
  const ratio = (high + 0.05) / (low + 0.05);
  if (ratio < threshold) faint.push([Math.round(ratio * 100) / 100, text.slice(0, 40)]);
}
return faint;
"""

pytestmark = [
    pytest.mark.docs,
    pytest.mark.skipif(not PAGES, reason=f"the documentation is not built: {SITE} is empty"),
]


class Page(HTMLParser):
    """What a page points to, the anchors it has, and its pictures without alternative text."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.mute = [], {"", "top"}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs.get("id"), attrs.get("name")}
        self.links += [attrs[key] for key in ("href", "src") if attrs.get(key)]
        # A thumbnail stands in a link that has its title as text.
        if tag == "img" and not (attrs.get("alt") or attrs["src"].endswith("_thumb.png")):
            self.mute.append(attrs["src"])


@pytest.fixture(scope="module")
def parsed():
    return {name: Page(SITE / name) for name in PAGES}


@pytest.fixture(scope="module")
def address():
    """The address of the site, served on the loopback."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, which finds no host but the loopback."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("there is no chromium with its chromedriver here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",  # root, as in a container, may not have one
        "--disable-dev-shm-usage",
        "--window-size=1280,900",
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    with webdriver.Chrome(options=options, service=service) as found:
        yield found


@pytest.fixture
def visit(browser, address):
    """A function `page -> requests, errors`: open the page and wait until its formulas are set."""

    def go(page):
        for log in ("browser", "performance"):
            browser.get_log(log)  # of the page before
        browser.get(f"{address}/{page}")
        browser.execute_async_script(
            "const done = arguments[0]; const ready = () => "
            "window.MathJax ? MathJax.startup.promise.then(() => done()) : done();"
            "document.readyState == 'complete' ? ready() : addEventListener('load', ready);"
        )
        messages = [json.loads(line["message"]) for line in browser.get_log("performance")]
        requests = [
            message["message"]["params"]["request"]["url"]
            for message in messages
            if message["message"]["method"] == "Network.requestWillBeSent"
        ]
        said = browser.get_log("browser")
        errors = [line["message"] for line in said if line["level"] == "SEVERE"]
        return requests, errors

    return go


def test_every_internal_link_leads_somewhere(parsed):
    broken = []
    for name, page in parsed.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = unquote(parts.path)
            target = (SITE / name).parent / path if path else SITE / name
            target = (target / "index.html" if target.is_dir() else target).resolve()
            known = parsed.get(target.relative_to(SITE).as_posix()) if target.exists() else None
            if not target.exists() or (known and unquote(parts.fragment) not in known.anchors):
                broken.append((name, link))
    assert not broken


def test_every_picture_has_an_alternative_text(parsed):
    assert sum(link.endswith(".png") for page in parsed.values() for link in page.links) > 30
    assert not {name: page.mute for name, page in parsed.items() if page.mute}


def test_the_links_checked_are_those_of_a_whole_site(parsed):
    assert len(parsed) > 30
    assert sum(len(page.links) for page in parsed.values()) > 1000


def test_no_page_asks_another_host_or_logs_an_error(visit, address):
    outside, logged = set(), {}
    for name in PAGES:
        requests, errors = visit(name)
        assert requests
        outside |= {url for url in requests if not url.startswith((address, "data:", "blob:"))}
        if errors:
            logged[name] = errors
    assert not outside
    assert not logged


def test_formulas_fit_beside_the_sidebars(browser, visit):
    cut = {}
    for name in (page for page in PAGES if page.startswith(("guide/", "gallery/"))):
        visit(name)
        wide = browser.execute_script(
            "return [...document.querySelectorAll('main div.math, main div.math mjx-container')]"
            ".filter(m => m.scrollWidth > m.clientWidth + 1).map(m => m.scrollWidth)"
        )
        if wide:
            cut[name] = wide
    assert not cut


@pytest.mark.parametrize("page", GUIDE)
def test_formulas_are_set(browser, visit, page):
    visit(page)
    count = "return document.querySelectorAll(arguments[0]).length"
    formulas = browser.execute_script(count, "main .math")
    assert formulas > 0
    assert browser.execute_script(count, "main .math mjx-container mjx-math") == formulas
    assert browser.execute_script(count, "mjx-merror") == 0
    loaded = "return [...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)"
    assert any("MJX" in family for family in browser.execute_script(loaded))


def test_the_search_finds_dropout(browser, visit):
    from selenium.webdriver.support.ui import WebDriverWait

    visit("search.html?q=dropout")
    links = "return [...document.querySelectorAll('#search-results li a')].map(a => a.href)"
    found = WebDriverWait(browser, 20).until(
        lambda b: [link for link in b.execute_script(links) if "guide/dropout" in link]
    )
    assert found


def test_thumbnails_and_pictures_load(browser, visit):
    for page, least in (("gallery/index.html", 10), ("gallery/plot_three_paths.html", 3)):
        visit(page)
        widths = browser.execute_async_script(
            "const done = arguments[0], pictures = [...document.querySelectorAll('main img')];"
            "pictures.forEach(p => p.loading = 'eager');"
            "Promise.all(pictures.map(p => p.decode().catch(() => 0)))"
            ".then(() => done(pictures.map(p => p.naturalWidth)));"
        )
        assert len(widths) >= least
        assert min(widths) > 0


def test_no_page_is_wider_than_a_telephone(browser, visit):
    size = {"width": NARROW, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wide = {}
    for name in PAGES:
        visit(name)
        width = browser.execute_script("return document.documentElement.scrollWidth")
        if width > NARROW:
            wide[name] = width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert not wide


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_are_readable(browser, visit, theme):
    visit("index.html")
    browser.execute_script(
        "localStorage.setItem('mode', arguments[0]); localStorage.setItem('theme', arguments[0])",
        theme,
    )
    faint = {}
    for name in PAGES:
        visit(name)
        shown = browser.execute_script("return document.documentElement.dataset.theme")
        assert shown == theme
        if found := browser.execute_script(FAINT, READABLE):
            faint[name] = found[:5]
    assert browser.execute_script(FAINT, 100)  # the measure sees the texts
    assert not faint
