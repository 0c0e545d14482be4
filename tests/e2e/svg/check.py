#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Flame graphs in a real browser: check.py A.svg B.svg DIRECTORY

A and B come from a.folded and b.folded. Each check opens a page, clicks and types as a person does,
and looks at what the page then shows. Prints what failed; exit status 1 if anything did.
"""
import pathlib
import re
import sys

from browser import Browser
from png import brightness, colors, pixels

HERE = """
    const svgs = [...document.querySelectorAll('svg')];
    const top = document.documentElement;
    const svg = (i) => top.localName === 'svg' ? top : svgs[i];
    const boxes = (i) => [...svg(i).querySelectorAll('.fs>g')];
    const name = (g) => g.querySelector('title').textContent.split('\\n')[0];
    const box = (i, n) => boxes(i).find((g) => name(g) === n);
    const shown = (g) => g.getAttribute('display') !== 'none';
    const place = (g) => { const r = g.querySelector('rect').getBoundingClientRect();
        return {x: r.x, y: r.y, w: r.width, h: r.height}; };
"""


class Graph:
    """One graph of the page that is open."""

    def __init__(self, browser, index=0):
        self.b, self.i = browser, index

    def js(self, expression):
        return self.b.js("(() => {" + HERE + f"return {expression}; }})()")

    def place(self, name):
        return self.js(f"place(box({self.i}, {name!r}))")

    def click(self, name):
        p = self.place(name)
        self.b.click(p["x"] + min(p["w"] / 2, 20), p["y"] + p["h"] / 2)

    def hover(self, name):
        p = self.place(name)
        self.b.move(p["x"] + min(p["w"] / 2, 20), p["y"] + p["h"] / 2)

    def shown(self):
        return self.js(f"boxes({self.i}).filter(shown).map(name)")

    def hits(self):
        return self.js(f"boxes({self.i}).filter((g) => g.classList.contains('hit')).map(name)")

    def matched(self):
        return self.js(f"svg({self.i}).querySelector('.mt').textContent")

    def note(self):
        return self.js(f"svg({self.i}).querySelector('.ft>text').textContent")

    def button(self, text):
        p = self.js(f"""(() => {{
            const g = [...svg({self.i}).querySelectorAll('.bt')].find((e) =>
                e.textContent === {text!r} && shown(e));
            return g ? place(g) : null; }})()""")
        if not p:
            return False
        self.b.click(p["x"] + p["w"] / 2, p["y"] + p["h"] / 2)
        return True

    def chart_width(self):
        return self.place("all")["w"]


FAILED = []


def check(what, found, expected=True):
    if found != expected:
        FAILED.append(what)
        print(f"FAIL: {what}: {found!r}, expected {expected!r}")


def close(what, found, expected, by):
    check(f"{what} ({found:.2f}, expected {expected:.2f} +- {by})", abs(found - expected) <= by)


def url(path):
    return pathlib.Path(path).resolve().as_uri()


def check_zoom(b, a):
    b.size(1200, 700)
    b.open(url(a))
    g = Graph(b)
    check("role while the script runs", g.js("svg(0).getAttribute('role')"), "group")
    whole = g.chart_width()
    close("share of parse", g.place("parse")["w"] / whole, 560 / 1000, 0.002)
    close("share of emit", g.place("emit")["w"] / whole, 300 / 1000, 0.002)
    everything = g.shown()
    g.click("emit")
    close("emit fills the width", g.place("emit")["w"], whole, 1)
    close("its caller too", g.place("main")["w"], whole, 1)
    close("write in emit", g.place("write")["w"] / whole, 2 / 3, 0.002)
    check("siblings are hidden", "parse" in g.shown(), False)
    check("zoom is in the URL", "z=" in g.js("location.hash"))
    labels = g.js("[...box(0, 'write').querySelectorAll('text')].map((t) => t.textContent)")
    check("labels follow", labels, ["write"])
    before = g.shown()
    b.reload()
    check("zoom survives a reload", g.shown(), before)
    check("reset button", g.button("Reset zoom"))
    check("reset shows all", g.shown(), everything)
    check("URL is clean again", g.js("location.hash"), "")
    g.click("emit")
    g.click("main")
    check("a click on a caller zooms out to it", "parse" in g.shown())
    b.key("Escape")
    check("Escape resets", g.shown(), everything)
    g.click("vfs_write")
    close("a leaf fills the width", g.place("vfs_write")["w"], whole, 1)
    b.key("Escape")
    g.click("… 3 frames")
    close("a merged box zooms its caller", g.place("main")["w"], whole, 1)
    check("no script errors", b.errors(), [])


def check_search(b, a):
    b.size(1200, 700)
    b.open(url(a))
    g = Graph(b)
    b.key("f", ctrl=True)
    check("Ctrl-F opens the field", g.js("document.activeElement.localName"), "input")
    b.type("hash_")
    check("matches", g.hits(), ["hash_lookup", "hash_lookup"])
    # 300 + 60: the inner one of the recursion lies within the outer one.
    check("share without overlap", g.matched(), "Matched 36.00 %")
    b.reload()
    check("search survives a reload", g.matched(), "Matched 36.00 %")
    check("hits too", len(g.hits()), 2)
    g.click("parse")
    check("share of the view", g.matched(), "Matched 36.00 %, 64.29 % of view")
    b.reload()
    check("both survive", g.matched(), "Matched 36.00 %, 64.29 % of view")
    b.key("Escape")
    check("Escape clears the search", (g.matched(), g.hits()), ("", []))
    check("and leaves the zoom", "emit" in g.shown(), False)
    b.key("Escape")
    check("then the zoom", "emit" in g.shown())
    b.key("/")
    b.type("^(ksys|vfs)_")
    check("regular expression", g.hits(), ["ksys_write", "vfs_write"])
    check("counted once", g.matched(), "Matched 20.00 %")
    b.key("Escape")
    check("search button", g.button("Search"))
    b.type("std::vector<")
    check("typed text", g.matched(), "Matched 10.00 %")
    check("clear button", g.button("Clear"))
    check("cleared", g.matched(), "")
    g.button("Search")
    b.type("push_back(")
    check("a bad expression is plain text", (g.hits(), g.matched()), ([], "Matched 0.00 %"))
    b.key("Escape")
    b.key("/")
    b.type("FORMAT")
    check("capitals matter", g.hits(), [])
    b.key("Escape")
    check("URL is clean", g.js("location.hash"), "")
    check("no script errors", b.errors(), [])


def check_pointer_and_keys(b, a):
    b.size(1200, 700)
    b.open(url(a))
    g = Graph(b)
    quiet = g.note()
    g.hover("format & \"quote\" <tag>")
    check("hovering describes",
          g.note().startswith("format & \"quote\" <tag>  ·  100 samples, 10.00 %"))
    b.move(5, 5)
    check("leaving ends it", g.note(), quiet)
    b.key("Tab")
    check("Tab goes to the root", g.js("name(document.activeElement)"), "all")
    for key in ("ArrowUp", "ArrowUp", "ArrowRight"):
        b.key(key)
    check("arrows walk the stack", g.js("name(document.activeElement)"), "_start")
    b.key("Enter")
    check("Enter zooms", "memcpy" in g.shown(), False)
    b.key("ArrowDown")
    check("down to the caller", g.js("name(document.activeElement)"), "demo")
    check("no script errors", b.errors(), [])


def check_layout(b, a):
    b.size(1200, 700)
    b.open(url(a))
    g = Graph(b)
    for width in (1900, 500):
        b.size(width, 700)
        b.settle()
        close(f"fills {width} px", g.chart_width(), width - 24, 2)
        check(f"labels fit at {width} px", g.js("""boxes(0).filter(shown).filter((g) => {
            const t = g.querySelector('text');
            const right = (e) => e.getBoundingClientRect().right;
            return t && t.textContent && right(t) > right(g.querySelector('rect'));
            }).map(name)"""), [])
        check(f"height at {width} px",
              g.js("Math.round(svg(0).getBoundingClientRect().height)"),
              g.js("+svg(0).getAttribute('height')"))
    b.size(1200, 160)
    b.settle()
    bar = g.js("svg(0).querySelector('.ft').getBoundingClientRect().bottom")
    close("the bar stays in a low window", bar, 160, 2)


def check_two_in_a_page(b, a, c, folder):
    body = [re.sub(r"^<\?xml[^>]*>\s*", "", pathlib.Path(f).read_text()) for f in (a, c)]
    page = folder / "two.html"
    page.write_text("<!DOCTYPE html><meta charset=utf-8><title>two</title><h1>Two</h1>"
                    f"<p id=top>text <input id=other></p>{body[0]}<p>more</p>{body[1]}")
    b.size(1200, 1100)
    b.open(url(page) + "#top")
    one, two = Graph(b, 0), Graph(b, 1)
    close("first fills its column", one.chart_width(), 1200 - 16 - 24, 3)
    before = two.shown()
    one.click("emit")
    check("first zooms", "parse" in one.shown(), False)
    check("second stays", two.shown(), before)
    two.click("decode")
    check("second zooms", "idle" in two.shown(), False)
    one.click("write")
    two.hover("decode")
    b.key("f", ctrl=True)
    b.type("e")
    check("search in the second only", (two.matched() != "", one.matched()), (True, ""))
    b.move(30, 5)
    b.reload()
    check("state of the first", "parse" in one.shown(), False)
    check("state of the second", ("idle" in two.shown(), two.matched() != ""), (False, True))
    check("the page's own anchor", "#top&" in one.js("location.hash"))
    check("first has no search", one.matched(), "")
    two.click("decode")
    one.hover("write")
    b.key("/")
    b.type("vfs")
    check("the pointer goes before the focus", (one.hits(), two.matched() != ""), (["vfs_write"], True))
    two.hover("decode")
    b.key("Escape")
    check("Escape in a field is for its graph", (one.matched(), two.matched() != ""), ("", True))
    b.js("document.getElementById('other').focus()")
    b.key("/")
    check("typing in the page's field is not ours", b.js("document.getElementById('other').value"), "/")
    check("no script errors", b.errors(), [])


def check_static(b, a, folder):
    """As an image, and inlined where neither scripts nor styles may run."""
    svg = pathlib.Path(a)
    image = folder / "image.html"
    image.write_text(f"<!DOCTYPE html><body style='margin:0'><img src='{url(svg)}'>")
    b.size(1200, 400)
    b.open(url(image))
    check("image size", b.js("[document.images[0].naturalWidth, document.images[0].width]"), [1200, 1200])
    rows = pixels(b.screenshot(folder / "image.png"))
    check("image shows colours", colors(rows) > 100)
    body = re.sub(r"^<\?xml[^>]*>\s*", "", svg.read_text())
    strict = folder / "strict.html"
    strict.write_text("<!DOCTYPE html><meta charset=utf-8><meta http-equiv=Content-Security-Policy "
                      f"content=\"default-src 'none'\"><title>strict</title>{body}")
    b.open(url(strict))
    g = Graph(b)
    check("no script ran", g.js("svg(0).getAttribute('role')"), "img")
    check("no style ran", g.js("getComputedStyle(svg(0)).maxWidth"), "none")
    check("colours without a style",
          g.js("getComputedStyle(box(0, 'vfs_write').querySelector('rect')).fill") !=
          g.js("getComputedStyle(box(0, 'parse').querySelector('rect')).fill"))
    check("labels without a script", g.js("box(0, 'parse').querySelector('text').textContent"), "parse")
    check("strict page shows colours", colors(pixels(b.screenshot(folder / "strict.png"))) > 100)


def check_dark(b, a, folder):
    light, dark = None, None
    for mode in (False, True):
        b.size(1200, 500, dark=mode)
        b.open(url(a))
        rows = pixels(b.screenshot(folder / ("dark.png" if mode else "light.png")))
        light, dark = (light, brightness(rows)) if mode else (brightness(rows), dark)
        # Below the graph, too: the background is the whole page's.
        check("corner", rows[-1][-1], (0x17, 0x18, 0x1b) if mode else (255, 255, 255))
    check("light is light", light > 180)
    check("dark is dark", dark < 110)


def main():
    a, c, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    b = Browser()
    try:
        check_zoom(b, a)
        check_search(b, a)
        check_pointer_and_keys(b, a)
        check_layout(b, a)
        check_two_in_a_page(b, a, c, folder)
        check_static(b, a, folder)
        check_dark(b, a, folder)
    finally:
        b.close()
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
