#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""symbols_compare.py - runs the symbolizers on the same addresses and compares cost and answers.

Called by symbols.sh. Cost is CPU time (user + system) and peak memory of whole processes, loading
included, output to a file; runs are interleaved and the medians are compared. Answers are compared
frame by frame with llvm-symbolizer on all addresses, and with eu-addr2line on a few (it is slow). Two
names agree if they are the same, are two names of one place in the symbol table, or demangle to the
same text (constructors have several names). Exit status 1 if less than 99.9 % agree.
"""
import argparse
import bisect
import collections
import os
import random
import re
import statistics
import subprocess
import sys

EU_ADDRESSES = 40

# Peak memory outlives exec(), so a small process has to start what is measured.
LAUNCH = """
import os, sys
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
_, status, u = os.wait4(pid, 0)
os.write(3, b"%d %f %d" % (status, u.ru_utime + u.ru_stime, u.ru_maxrss))
"""


def symbols(path):
    """Functions as (start, size), and the addresses of each name."""
    out = subprocess.run(["readelf", "-sW", path], capture_output=True, text=True,
                         errors="replace", check=True).stdout
    spans, places = set(), collections.defaultdict(set)
    for line in out.splitlines():
        f = line.split()
        if len(f) >= 8 and f[3] in ("FUNC", "IFUNC") and f[6] not in ("UND", "ABS"):
            start, size = int(f[1], 16), int(f[2], 0)
            places[f[7].split("@")[0]].add(start)
            if size:
                spans.add((start, size))
    return sorted(spans), places


def pick(spans, n):
    rng = random.Random(1)
    ends, total = [], 0
    for _, size in spans:
        total += size
        ends.append(total)
    result = []
    for _ in range(n):
        at = rng.randrange(total)
        i = bisect.bisect_right(ends, at)
        result.append(spans[i][0] + at - (ends[i] - spans[i][1]))
    return result


def run(argv, addresses, out):
    """Exit status, CPU seconds, peak KiB."""
    r, w = os.pipe()
    with open(addresses) as i, open(out, "w") as o, os.fdopen(r) as result:
        p = subprocess.Popen(["/bin/sh", "-c", 'exec 3>&"$0"; exec "$@"', str(w), sys.executable,
                              "-S", "-E", "-c", LAUNCH] + argv,
                             stdin=i, stdout=o, stderr=subprocess.DEVNULL, pass_fds=[w])
        os.close(w)
        status, cpu, rss = result.read().split()
        p.wait()
    return int(status), float(cpu), int(rss)


def run_well(argv, addresses, out):
    status, cpu, rss = run(argv, addresses, out)
    if status:
        sys.exit("%s: wait status %d" % (argv[0], status))
    return cpu, rss


def frames(path):
    """One list of (name, place) for each address."""
    with open(path, errors="replace") as f:
        for block in f.read().split("\n\n"):
            lines = block.strip("\n").split("\n")
            if lines != [""]:
                yield list(zip(lines[::2], lines[1::2]))


class Names:
    def __init__(self, places, clones=False):
        self.places = places
        self.clones = clones  # foo.constprop.0 may be called foo
        self.plain = {}

    def demangled(self, name):
        if name not in self.plain:
            self.plain[name] = subprocess.run(["c++filt", name], capture_output=True,
                                              text=True, check=True).stdout.strip()
        return self.plain[name]

    def same(self, a, b):
        a, b = a.split("@")[0], b.split("@")[0]
        if self.clones:
            a, b = a.split(".")[0], b.split(".")[0]
        return (a == b or bool(self.places.get(a, set()) & self.places.get(b, set())) or
                self.demangled(a) == self.demangled(b))


def difference(ours, theirs, names):
    """The class of the first difference and the number of the frame it is in, or None."""
    if ours[0][0] == "??" or theirs[0][0] == "??":
        return None if ours[0][0] == theirs[0][0] else \
            ("not named by " + ("us" if ours[0][0] == "??" else "the other"), 0)
    for i, ((a, where_a), (b, where_b)) in enumerate(zip(ours, theirs)):
        if not names.same(a, b):
            return "function", i
        if where_a == where_b:
            continue
        if where_a.startswith("??"):
            return ("place: only the other has one" if not where_b.endswith(":0:0") else
                    "place: the other gives the symbol table's file, without a line"), i
        same = where_a.rsplit(":", 2)[0] == where_b.rsplit(":", 2)[0]
        return "line or column" if same else "file", i
    return None if len(ours) == len(theirs) else ("depth of inlined calls", 0)


def report(title, addresses, ours, theirs, names):
    classes, examples, n = collections.Counter(), {}, 0
    for address, a, b in zip(addresses, ours, theirs):
        n += 1
        found = difference(a, b, names)
        if found:
            classes[found[0]] += 1
            examples.setdefault(found[0], (address, found[1], a, b))
    share = 100.0 * (n - sum(classes.values())) / max(n, 1)
    print("  agreement with %s: %.3f %% of %d addresses" % (title, share, n))
    for kind, count in classes.most_common():
        address, i, a, b = examples[kind]
        print("    %6d  %s; for example %#x, frame %d of %d and %d:" % (
            count, kind, address, i, len(a), len(b)))
        print("            ours:   %s %s" % a[i])
        print("            theirs: %s %s" % b[i])
    return share


def eu_frames(path, binary, addresses, work):
    """eu-addr2line's answers, brought to the same shape, and its CPU seconds."""
    listing = os.path.join(work, "eu.addresses")
    with open(listing, "w") as f:
        f.write("".join("%#x\n" % a for a in addresses))
    status, cpu, rss = run([path, "-i", "-f", "-a", "-e", binary], listing,
                      os.path.join(work, "eu.out"))
    if status:
        return None, cpu, rss
    result = []
    with open(os.path.join(work, "eu.out"), errors="replace") as f:
        lines = f.read().split("\n")
    i = 0
    while i < len(lines):
        if re.fullmatch(r"0x[0-9a-f]+", lines[i]):
            result.append([])
            i += 1
        elif lines[i] and i + 1 < len(lines):
            result[-1].append((lines[i].split(" inlined at ")[0], lines[i + 1]))
            i += 2
        else:
            i += 1
    return result, cpu, rss


def without_column(all_frames):
    """eu-addr2line leaves columns and unknown lines out in its own way."""
    return [[(name, ":".join(place.split(":")[:2])) for name, place in f] for f in all_frames]


def bench(args, binary):
    spans, places = symbols(binary)
    names = Names(places)
    addresses = pick(spans, args.addresses)
    listing = os.path.join(args.work, "addresses")
    with open(listing, "w") as f:
        f.write("".join("%#x\n" % a for a in addresses))
    tools = {
        "cresset": [args.ours, binary],
        "llvm-symbolizer": [args.llvm, "-C", "-i", "-f", "--obj=" + binary],
    }
    print("%s: %.1f MB, %d functions, %d addresses, %d runs" % (
        os.path.basename(binary), os.path.getsize(binary) / 1e6, len(spans), len(addresses),
        args.runs))
    cost = collections.defaultdict(list)
    for _ in range(args.runs):
        for tool, argv in tools.items():
            cost[tool].append(run_well(argv, listing, os.path.join(args.work, tool + ".out")))
    median = {t: [statistics.median(c[i] for c in cost[t]) for i in (0, 1)] for t in tools}
    for tool in tools:
        cpus = [c[0] for c in cost[tool]]
        print("  %-16s %6.3f CPU s (%.3f..%.3f)  %6.1f MB  %8.0f addresses/s" % (
            tool, median[tool][0], min(cpus), max(cpus), median[tool][1] / 1024,
            len(addresses) / median[tool][0]))
    print("  llvm-symbolizer / cresset: %.1f x the CPU time, %.1f x the memory" % (
        median["llvm-symbolizer"][0] / median["cresset"][0],
        median["llvm-symbolizer"][1] / median["cresset"][1]))
    run_well([args.ours, "-m", binary], listing, os.path.join(args.work, "ours.out"))
    run_well([args.llvm, "--no-demangle", "-i", "-f", "--obj=" + binary], listing,
        os.path.join(args.work, "llvm.out"))
    ours = list(frames(os.path.join(args.work, "ours.out")))
    share = report("llvm-symbolizer", addresses, ours,
                   list(frames(os.path.join(args.work, "llvm.out"))), names)
    if args.eu:
        few = addresses[:EU_ADDRESSES]
        theirs, cpu, rss = eu_frames(args.eu, binary, few, args.work)
        if theirs is None:
            print("  eu-addr2line: says nothing about this binary")
            return share
        print("  eu-addr2line     %6.3f CPU s for %d addresses  %6.1f MB" % (
            cpu, len(few), rss / 1024))
        report("eu-addr2line (without columns and suffixes of clones)", few,
               without_column(ours[:EU_ADDRESSES]), without_column(theirs), Names(places, True))
    return share


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--ours", required=True)
    p.add_argument("--llvm", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--addresses", type=int, default=100000)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("binaries", nargs="+")
    args = p.parse_args()
    args.eu = next((d for d in ("/usr/bin/eu-addr2line",) if os.path.exists(d)), None)
    shares = [bench(args, b) for b in args.binaries if os.path.exists(b)]
    sys.exit(min(shares, default=0) < 99.9)


main()
