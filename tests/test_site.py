"""The site of the committed snapshot, read by a parser and opened in a real browser."""

import shutil
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from replicate import paper as papers
from replicate import report
from replicate.paths import notebooks_dir, reference_dir

pytest.importorskip("myst_nb", reason="needs the extra 'report' (make test installs it)")

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1300, "height": 900}
OUTSIDE = {"https", "http", "mailto"}


class Page(HTMLParser):
    """The ids and links of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in {"img", "script", "iframe", "source"} and found.get("src"):
            self.loaded.append(found["src"])
        if tag == "link" and found.get("rel") in {"stylesheet", "icon", "preload"}:
            self.loaded.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site of the snapshot, with the committed notebooks in place of executed ones."""
    from replicate.site import build

    folder = tmp_path_factory.mktemp("results") / "default"
    shutil.copytree(reference_dir("default"), folder)
    for slug in (p.name for p in folder.iterdir()):
        shutil.copyfile(notebooks_dir() / f"{slug}.ipynb", folder / slug / f"{slug}.ipynb")
    return build(folder).parent


@pytest.fixture(scope="module")
def pages(site):
    """Return every page of the site by its path."""
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def _broken(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    """Tell whether a link inside the site leads to no file, or to a place that is not on the page."""
    parts = urlsplit(link)
    if parts.scheme in OUTSIDE:
        return False
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return True
    return bool(parts.fragment) and target in pages and unquote(parts.fragment) not in pages[target].ids


def test_no_link_is_broken(pages):
    """A claim's link that leads nowhere is worse than none."""
    assert len(pages) > 15
    broken = [
        f"{path.name}: {link}" for path, page in pages.items() for link in page.links if _broken(path, link, pages)
    ]
    assert not broken


def test_nothing_is_loaded_from_another_host(pages, site):
    """A report must be readable offline and in ten years."""
    loaded = [(path, link) for path, page in pages.items() for link in page.loaded]
    assert len(loaded) > 100
    for path, link in loaded:
        assert urlsplit(link).scheme in {"", "data"}, f"{path.name} loads {link}"
        assert urlsplit(link).scheme == "data" or not link.startswith("//"), f"{path.name} loads {link}"
        assert not _broken(path, link, {}) or link.startswith("data:"), f"{path.name} lacks {link}"
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8").replace('"', ""), style.name


def test_every_claim_is_on_the_scorecard_and_leads_to_its_cell(pages, site):
    """From a verdict to the code that decided it in two clicks, for every claim that is measured."""
    claims = report.claims_table(report.results(reference_dir("default"))[0])
    links = set(pages[site / "index.html"].links)
    assert len(claims) > 100
    for row in claims.to_dict("records"):
        page = f"papers/{row['paper']}.html"
        assert f"{page}#{row['claim']}" in links
        if not row["experiment"].startswith("none: "):
            assert f"{page}#measured-{row['claim']}" in links, row["claim"]
        if row["figure"] and (reference_dir("default") / row["paper"] / "figures" / f"{row['figure']}.svg").exists():
            assert f"{page}#figure-{row['figure']}" in links, row["claim"]


def test_tables_figures_and_provenance_come_along(site):
    """The site may be moved to another machine: what it links to is inside."""
    for slug in papers.slugs():
        inside = site / "runs" / slug
        for kind in ("tables/*.csv", "figures/*.svg", "claims.csv", "manifest.json"):
            wanted = {p.name for p in (reference_dir("default") / slug).glob(kind)}
            assert wanted == {p.name for p in inside.glob(kind)}
    assert {p.name for p in site.glob("scorecard.*")} == {"scorecard.csv", "scorecard.json", "scorecard.md"}


@pytest.fixture(scope="module")
def browser():
    """Start Debian's chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser' (make test installs it)")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Return a function that opens a page and notes what went wrong on it."""
    contexts = []

    def open_page(url: str, *, viewport=DESK, scheme="light"):
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.wrong = []
        page.on("console", lambda m: page.wrong.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on(
            "requestfailed", lambda request: page.wrong.append(f"failed: {request.url}") if _failed(request) else None
        )
        page.on("request", lambda r: page.wrong.append(r.url) if _is_elsewhere(r.url) else None)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


def _failed(request) -> bool:
    """Tell whether a request failed by itself, and not because the reader went on to the next page."""
    return request.failure != "net::ERR_ABORTED"


def _is_elsewhere(url: str) -> bool:
    return urlsplit(url).scheme not in {"file", "data", "blob"} and urlsplit(url).hostname != "127.0.0.1"


@pytest.fixture
def served(site):
    """Serve the site as any web server would; return its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_page_opens_from_a_file_without_a_complaint(visit, pages):
    """Errors, requests to other hosts, pictures that do not show: none on any page, on a phone neither too wide."""
    page = visit(next(iter(pages)).as_uri(), viewport=PHONE)
    for path in pages:
        page.goto(path.as_uri())
        hidden = page.evaluate(
            "async () => { const all = [...document.images]; all.forEach(i => i.loading = 'eager');"
            " await Promise.all(all.map(i => i.decode().catch(() => {})));"
            " return all.filter(i => !i.naturalWidth).map(i => i.src) }"
        )
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (path.name, hidden, wide, page.wrong) == (path.name, [], 0, [])


def test_a_claim_on_the_scorecard_leads_to_the_claim_then_to_its_cell(visit, site):
    """The three clicks a doubting reader makes."""
    page = visit((site / "index.html").as_uri())
    page.click("a.tile[aria-label^='C1-identities:']")
    assert page.url.endswith("papers/survival_models.html#C1-identities")
    row = page.locator("tr:target")
    assert "C1-identities" in row.inner_text()
    row.get_by_text("cell", exact=True).click()
    cell = page.locator(".landing:has([id='measured-C1-identities']:target) + .cell")
    assert 0 <= cell.bounding_box()["y"] < DESK["height"]
    assert 'run.measure("C1-identities"' in cell.inner_text()
    assert page.wrong == []


def test_a_verdict_can_be_hidden(visit, site):
    """Looking at the failures alone is the first thing a reader wants."""
    page = visit((site / "index.html").as_uri())
    assert page.locator("table.claims tr.agrees").first.is_visible()
    page.uncheck("input[data-verdict='agrees']")
    assert not page.locator("table.claims tr.agrees").first.is_visible()
    assert page.locator("table.claims tr.disagrees").first.is_visible()
    assert page.wrong == []


@pytest.mark.parametrize("over", ["file", "server"])
def test_search_finds_claims_prose_and_library(visit, site, served, over):
    """From a disk and from a server."""
    start = served if over == "server" else site.as_uri()
    for word, found in (
        ("melanoma", "papers/survival_models"),
        ("Schuirmann", "verdicts"),
        ("TelemetryPipeline", "api/"),
    ):
        page = visit(f"{start}/search.html?q={word}")
        page.wait_for_selector("#search-results ul.search li a")
        links = page.eval_on_selector_all("#search-results ul.search li a", "all => all.map(a => a.href)")
        assert any(found in link for link in links), (word, links)
        assert page.wrong == []


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_pages_follow_the_readers_colour_scheme(visit, site, scheme, dark):
    """White pages at night are why people close a tab."""
    page = visit((site / "index.html").as_uri(), scheme=scheme)
    colours = page.evaluate(
        "() => ['backgroundColor', 'color'].map(k => getComputedStyle(document.body)[k].match(/\\d+/g).slice(0, 3))"
    )
    ground, text = (sum(map(int, colour)) for colour in colours)
    assert (ground < text) == dark
    assert abs(ground - text) > 380  # of 765
