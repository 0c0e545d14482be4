# SPDX-License-Identifier: Apache-2.0
"""The page, as someone uses it. Arguments: its URL, that of one without profiles, a folder."""
import os
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "svg"))
import browser  # noqa: E402
import png  # noqa: E402

URL, EMPTY, OUT = sys.argv[1:4]
failures = 0


def check(ok, what, *more):
    global failures
    if not ok:
        print("FAIL:", what, *more)
        failures += 1


class Page(browser.Browser):
    def __init__(self):
        super().__init__()
        self.call("Network.enable")
        self.call("Log.enable")
        self.asked = []

    def wait(self):
        """Until the view that was asked for last is there."""
        end = time.monotonic() + browser.SECONDS
        while time.monotonic() < end:
            if self.js("document.querySelector('#flame')?.getAttribute('aria-busy') === 'false' && "
                       "(!document.querySelector('#flame .fs') || "
                       "!!document.querySelector('#flame svg.js'))"):
                self.settle()
                return
            time.sleep(0.05)
        raise TimeoutError("the page does not come to rest: " + self.text("#trouble"))

    def visit(self, url):
        self.keep()
        self.open(url)
        self.wait()

    def keep(self):
        for m in self.events:
            if m.get("method") == "Network.requestWillBeSent":
                self.asked.append(m["params"]["request"]["url"])
            elif m.get("method") == "Log.entryAdded":
                entry = m["params"]["entry"]
                refused = "status of 400" in entry["text"]  # what the page says by itself
                check(refused or entry["level"] not in ("error", "warning"), "the browser says",
                      entry["text"], entry.get("url"))
        self.events = [m for m in self.events if m.get("method") == "Runtime.exceptionThrown"]

    def text(self, selector):
        return self.js(f"document.querySelector({selector!r})?.textContent ?? ''")

    def press(self, selector, text=None):
        """A real click in the middle of the first such element with that text."""
        at = self.js("(() => { const e = [...document.querySelectorAll(%r)].find((e) => "
                     "%s); if (!e) return null; e.scrollIntoView({block: 'center'}); "
                     "const r = e.getBoundingClientRect(); "
                     "return [r.x + Math.min(r.width / 2, 30), r.y + r.height / 2]; })()" %
                     (selector, "true" if text is None else f"e.textContent === {text!r}"))
        check(at, "nothing to press:", selector, text)
        if at:
            self.click(*at)
            time.sleep(0.05)
            self.wait()

    def query(self):
        return dict(urllib.parse.parse_qsl(self.js("location.search.slice(1)"),
                                           keep_blank_values=True))

    def rows(self):
        return self.js("[...document.querySelectorAll('#rows tr')].map((r) => "
                       "[...r.cells].map((c) => c.textContent))")

    def frames(self):
        return self.js("[...document.querySelectorAll('#flame .fs>g>title')].map((t) => "
                       "t.textContent.split('\\n')[0])")


def listing(p):
    p.size(1280, 900)
    p.visit(URL + "/")
    rows = p.rows()
    check(rows[0][0] == "everything" and rows[1][0] == "api", "the list begins with", rows[:2])
    check(len(rows) == 11 + 0, "rows of the list:", len(rows))
    shares = [float(r[2].split()[0].lstrip("<")) for r in rows[1:]]
    check(shares == sorted(shares, reverse=True), "the list's order:", shares)
    check(rows[0][2] == "100.0 %" and rows[0][5] == "100.0 %", "all of it:", rows[0])
    check(p.text("h2") == "Services", "title", p.text("h2"))
    frames = p.frames()
    check("all" in frames and "parse_json" in frames, "the graph has", frames[:5])
    p.press("#more a")
    check(p.query().get("all") == "1" and len(p.rows()) == 12, "all rows:", len(p.rows()))
    p.screenshot(os.path.join(OUT, "page-light.png"))


def selecting(p):
    p.visit(URL + "/")
    p.press("#rows a", "postgresql")
    check(p.query() == {"sel": "postgresql"}, "its address:", p.query())
    check(p.text("#graph-title") == "postgresql", "title of the graph")
    check("ExecSeqScan" in p.frames() and "parse_json" not in p.frames(), "its frames")
    check(p.js("document.title") == "postgresql · on CPU · cresset", p.js("document.title"))
    check(p.js("document.querySelector('tr.on a').getAttribute('aria-current')") == "true", "row")
    p.press("#events a", "off CPU")
    check(p.query() == {"sel": "postgresql", "event": "off-cpu"}, "off CPU:", p.query())
    check("[blocked]" in p.frames(), "blocked:", p.frames())
    p.press("#presets a", "6h")
    check(p.query().get("range") == "6h", "6 hours:", p.query())
    before = p.js("location.href")
    p.press("#when a")
    check(int(p.query()["to"]) - int(p.query()["from"]) in range(21600000, 21600003), "its range")
    p.js("history.back()")
    time.sleep(0.2)
    p.wait()
    check(p.js("location.href") == before, "back:", p.js("location.href"))
    p.reload()
    p.wait()
    check(p.text("#graph-title") == "postgresql" and "[blocked]" in p.frames(), "after a reload")
    p.press("#rows a", "everything")
    check("sel" not in p.query(), "everything again:", p.query())


def graph(p):
    """Its own script runs in the page: zoom and search, in the fragment. In a range that stays, as
    the zoom is of this very graph."""
    p.visit(URL + "/?sel=api")
    p.press("#when a")
    query = p.query()
    at = p.js("(() => { const g = [...document.querySelectorAll('#flame .fs>g')].find((g) => "
              "g.querySelector('title').textContent.startsWith('parse_json')); "
              "g.scrollIntoView({block: 'center'}); const r = g.getBoundingClientRect(); "
              "return [r.x + r.width / 2, r.y + r.height / 2]; })()")
    p.click(*at)
    fragment = p.js("location.hash")
    check(".z=" in fragment, "zoom in the URL:", fragment)
    check(p.query() == query and "to" in query, "the rest of it stays:", p.query())
    p.reload()
    p.wait()
    check(p.js("location.hash") == fragment, "zoom after a reload")
    width = p.js("(() => { const g = [...document.querySelectorAll('#flame .fs>g')].find((g) => "
                 "g.querySelector('title').textContent.startsWith('parse_json')); "
                 "return g.getBoundingClientRect().width; })()")
    check(width > 1000, "zoomed to", width)
    check(p.js("document.querySelectorAll('#flame style, #flame script:not([src])').length") == 0,
          "inline style or script in the page")
    check(p.js("getComputedStyle(document.querySelector('#flame .bt>text')).fill") ==
          "rgb(59, 56, 51)", "the graph's style is there")


def forms(p):
    p.visit(URL + "/")
    p.press("#match")
    p.type('comm="nginx"')
    p.key("Enter")
    time.sleep(0.05)
    p.wait()
    check(p.query() == {"match": 'comm="nginx"'}, "match:", p.query())
    check([r[0] for r in p.rows()] == ["everything", "nginx"], "matched:", p.rows())
    p.visit(URL + "/?match=" + urllib.parse.quote('comm="'))
    check("match" in p.text("#trouble") and not p.js("document.querySelector('#trouble').hidden"),
          "a wrong match is said:", p.text("#trouble"))
    p.visit(URL + "/")
    p.js("(() => { const s = document.querySelector('#by'); s.value = 'comm'; "
         "s.dispatchEvent(new Event('change')); })()")
    time.sleep(0.05)
    p.wait()
    check(p.query() == {"by": "comm"} and p.rows()[1][0] == "api-server", "by comm:", p.rows()[:2])
    p.press("#rows a", "nginx")
    check("ngx_event_process" in p.frames(), "a command:", p.frames())
    # A day before there was anything, by the form of ranges.
    p.js("document.querySelector('#from').value = '2020-01-01T00:00:00'")
    p.js("document.querySelector('#to').value = '2020-01-02T00:00:00'")
    p.press("#range button")
    check("No profiles in this range" in p.text("#flame"), "nothing there:", p.text("#flame"))
    p.press("#flame a")
    check("ngx_event_process" in p.frames(), "the latest:", p.frames())
    p.js("document.querySelector('#from').value = '2020-01-03T00:00:00'")
    p.js("document.querySelector('#to').value = '2020-01-02T00:00:00'")
    p.press("#range button")
    check("range is empty" in p.text("#trouble"), "an empty range:", p.text("#trouble"))


def keyboard(p):
    """Everything is reached by Tab, Enter follows, and the focus stays where it was."""
    p.visit(URL + "/")
    seen = []
    for _ in range(60):
        p.key("Tab")
        seen.append(p.js("document.activeElement.textContent || document.activeElement.id || "
                         "document.activeElement.tagName"))
        if seen[-1] == "postgresql":
            break
    for name in ("15m", "24h", "from", "match", "api", "postgresql"):
        check(name in seen, "not reached by Tab:", name, seen)
    p.key("Enter")
    time.sleep(0.05)
    p.wait()
    check(p.query() == {"sel": "postgresql"}, "Enter:", p.query())
    check(p.js("document.activeElement.textContent") == "postgresql", "the focus is at",
          p.js("document.activeElement.outerHTML.slice(0, 100)"))


def hostile(p):
    name = p.js("fetch('/api/v1/labels?label=service').then((r) => r.json()).then((j) => "
                "j.values.find((v) => v.includes('script')))")
    check(name, "no hostile service")
    p.visit(URL + "/?all=1&event=wall")
    check(name in [r[0] for r in p.rows()], "its row")
    p.press("#rows a", name)
    check(p.text("#graph-title") == name, "title:", p.text("#graph-title"))
    p.visit(URL + "/?event=wall&match=" + urllib.parse.quote('service=~".*script.*"'))
    check(any("window.hit" in f for f in p.frames()), "its frames:", p.frames())
    p.visit(URL + "/?sel=" + urllib.parse.quote("<img src=x onerror=window.hit=1>\"\n\\") +
            "&by=" + urllib.parse.quote("<b>x") + "&range=" + urllib.parse.quote("<b>"))
    check(p.js("window.hit ?? 0") == 0 and p.js("document.querySelectorAll('main img, main b').length")
          == 0, "something of it ran")
    # An SVG by itself: its own script runs, as the policy names it, and no other.
    p.open(URL + "/api/v1/query?format=svg&event=wall")
    check(p.js("document.documentElement.classList.contains('js')"), "the graph's script is refused")
    check(p.js("window.hit ?? 0") == 0, "a name's script ran")
    check(p.js("getComputedStyle(document.querySelector('.bt>text')).fill") == "rgb(59, 56, 51)",
          "the style of a graph by itself")
    p.wait = lambda: None
    p.keep()
    del p.wait


def looks(p):
    p.size(1280, 900)
    p.visit(URL + "/?event=wall&sel=api")
    light = p.screenshot(os.path.join(OUT, "page-wall.png"))
    p.size(1280, 900, dark=True)
    p.visit(URL + "/?event=wall&sel=api")
    dark = p.screenshot(os.path.join(OUT, "page-dark.png"))
    check(png.brightness(png.pixels(light)) > 180, "light is dark")
    check(png.brightness(png.pixels(dark)) < 90, "dark is light")
    p.size(400, 800)
    p.visit(URL + "/")
    check(p.js("document.documentElement.scrollWidth") <= 400, "too wide for 400 pixels:",
          p.js("document.documentElement.scrollWidth"))
    p.screenshot(os.path.join(OUT, "page-narrow.png"))
    p.size(1280, 900)
    p.visit(EMPTY + "/")
    check("There are no profiles yet" in p.text("#flame"), "an empty store:", p.text("#flame"))
    p.screenshot(os.path.join(OUT, "page-empty.png"))


def comparing(p):
    """With the range before: windows of 10 s, of which the last two are compared with two more."""
    p.size(1280, 900)
    # The store was filled when the driver began, which may be a minute ago by now.
    last = p.js("fetch('/api/v1/query?from=-1h').then((r) => r.json()).then((r) => r.completeness.last_ns)")
    end = last // 1000000
    fixed = f"from={end - 30000}&to={end}"
    p.visit(URL + "/?sel=api&" + fixed)
    check("parse_json" in p.frames() and " against " not in p.text("#flame svg>title"), "before")
    p.press("#toggles a", "compare with the range before")
    check(p.query().get("diff") == "1", "compared:", p.query())
    check(" against " in p.text("#flame svg>title"), p.text("#flame svg>title"))
    check("parse_json" in p.frames(), "its frames:", p.frames()[:5])
    titles = p.js("[...document.querySelectorAll('#flame .fs>g>title')].map((t) => t.textContent)")
    check(all("before" in t for t in titles), "a box without its change:", titles[:3])
    links = p.js("[...document.querySelectorAll('#files a')].map((a) => [a.textContent, a.href])")
    check(sorted(name for name, _ in links) == ["folded", "json", "svg", "top"], "its downloads:", links)
    for name, href in links:
        got = p.js(f"fetch({href!r}).then((r) => r.status)")
        check(got == 200, "download of", name, got)
    # The graph's own script zooms in it, and the sign stays with the names.
    at = p.js("(() => { const g = [...document.querySelectorAll('#flame .fs>g')].find((g) => "
              "g.querySelector('title').textContent.startsWith('parse_json')); "
              "g.scrollIntoView({block: 'center'}); const r = g.getBoundingClientRect(); "
              "return [r.x + r.width / 2, r.y + r.height / 2]; })()")
    p.click(*at)
    label = p.js("[...document.querySelectorAll('#flame .fs>g')].find((g) => "
                 "g.querySelector('title').textContent.startsWith('parse_json'))"
                 ".querySelector('text').textContent")
    change = p.js("[...document.querySelectorAll('#flame .fs>g')].find((g) => "
                  "g.querySelector('title').textContent.startsWith('parse_json')).dataset.c ?? ''")
    check(label == ("parse_json " + change).strip(), "label:", label, change)
    p.screenshot(os.path.join(OUT, "page-compared.png"))
    p.press("#toggles a", "compare with the range before")
    check("diff" not in p.query(), "no longer compared:", p.query())
    check(" against " not in p.text("#flame svg>title"), "one profile again")


def downloads(p):
    p.visit(URL + "/?sel=api")
    links = p.js("[...document.querySelectorAll('#files a')].map((a) => [a.textContent, a.href])")
    check(sorted(name for name, _ in links) == ["cresset", "folded", "json", "pprof", "svg", "top"],
          "downloads:", links)
    for name, href in links:
        got = p.js(f"fetch({href!r}).then(async (r) => [r.status, (await r.blob()).size, "
                   "r.headers.get('Content-Disposition')])")
        check(got[0] == 200 and got[1] > 100, name, got)
        check(name == "json" or (got[2] or "").startswith("attachment; "), name, got)


page = Page()
try:
    for part in (listing, selecting, graph, forms, keyboard, downloads, comparing, hostile, looks):
        part(page)
    page.keep()
    for url in page.asked:
        check(url.startswith((URL + "/", EMPTY + "/", "about:", "data:")), "asked elsewhere:", url)
    check(len(page.asked) > 50, "requests seen:", len(page.asked))
    check(not page.errors(), "exceptions:", page.errors())
finally:
    page.close()
print("failures", failures)
sys.exit(failures != 0)
