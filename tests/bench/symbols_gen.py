#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""symbols_gen.py DIR N - writes N C++ files that make a big program with much DWARF.

Each file instantiates its own types through the standard containers, algorithms, std::function and
streams, so that a build with -O2 -g has deep chains of inlined calls, many units and many duplicate
template functions for the linker to fold: what large C++ services look like to a symbolizer.
"""
import os
import sys

UNIT = r"""
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace unit_@ {
struct key { int a; std::string b; bool operator<(const key &o) const { return a != o.a ? a < o.a : b < o.b; }
	bool operator==(const key &o) const { return a == o.a && b == o.b; } };
struct hash { size_t operator()(const key &k) const { return std::hash<std::string>()(k.b) * 31 + k.a; } };
struct shape { virtual ~shape() {} virtual double area() const = 0; };
template <int N> struct polygon : shape { double r; explicit polygon(double x) : r(x) {}
	double area() const override { double s = 0; for (int i = 0; i < N; i++) s += r * i / (N + 1); return s; } };
using value = std::variant<int, double, std::string, std::vector<int>>;

static std::map<key, std::vector<key>> tree;
static std::unordered_map<key, std::deque<double>, hash> table;

template <class C> static auto summed(const C &c) { return std::accumulate(c.begin(), c.end(), typename C::value_type{}); }
template <int N> struct deep { static inline int go(int x) { return deep<N - 1>::go(x * N + @) ^ x; } };
template <> struct deep<0> { static inline int go(int x) { return x + 1; } };

__attribute__((noinline)) int fill(int n)
{
	for (int i = 0; i < n; i++) {
		key k{i % 7, std::to_string(i * @)};
		tree[k].push_back(k);
		table[k].push_front(i * 0.5);
	}
	return (int)tree.size() + (int)table.size();
}
__attribute__((noinline)) int sorted(std::vector<key> v)
{
	std::sort(v.begin(), v.end());
	std::stable_sort(v.begin(), v.end(), [](const key &x, const key &y) { return y < x; });
	auto last = std::unique(v.begin(), v.end());
	v.erase(last, v.end());
	std::set<key> s(v.begin(), v.end());
	return (int)s.size() + deep<12>::go((int)v.size());
}
__attribute__((noinline)) double shapes(int n)
{
	std::vector<std::unique_ptr<shape>> v;
	for (int i = 0; i < n; i++) {
		if (i % 3 == 0) v.push_back(std::make_unique<polygon<3>>(i));
		else if (i % 3 == 1) v.push_back(std::make_unique<polygon<@ + 4>>(i));
		else v.push_back(std::make_unique<polygon<5>>(i));
	}
	std::function<double(double, const std::unique_ptr<shape> &)> add = [n](double s, const auto &p) { return s + p->area() / n; };
	return std::accumulate(v.begin(), v.end(), 0.0, add);
}
__attribute__((noinline)) std::string texts(const std::vector<value> &values)
{
	std::ostringstream out;
	for (const auto &v : values)
		std::visit([&out](const auto &x) {
			using T = std::decay_t<decltype(x)>;
			if constexpr (std::is_same_v<T, std::vector<int>>) out << summed(x);
			else out << x;
		}, v);
	std::regex re("([a-z]+)@([0-9]+)");
	std::string s = out.str();
	return std::regex_replace(s, re, "$2");
}
int all(int n)
{
	std::vector<key> v;
	for (int i = 0; i < n; i++) v.push_back({i, "k" + std::to_string(i)});
	std::vector<value> values{n, 1.5, std::string("x"), std::vector<int>{1, 2, n}};
	return fill(n) + sorted(v) + (int)shapes(n) + (int)texts(values).size();
}
}
"""


def main():
    out, n = sys.argv[1], int(sys.argv[2])
    os.makedirs(out, exist_ok=True)
    for i in range(n):
        with open(os.path.join(out, "unit_%d.cpp" % i), "w") as f:
            f.write(UNIT.replace("@", str(i)))
    with open(os.path.join(out, "main.cpp"), "w") as f:
        f.write("".join("namespace unit_%d { int all(int); }\n" % i for i in range(n)))
        f.write("int main(int argc, char **)\n{\n\tint s = 0;\n")
        f.write("".join("\ts += unit_%d::all(argc);\n" % i for i in range(n)))
        f.write("\treturn s == 0;\n}\n")


main()
