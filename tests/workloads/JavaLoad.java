// SPDX-License-Identifier: Apache-2.0
//
// JavaLoad - a Java program for the walker, compiled by the test that uses it.
//
//   java JavaLoad MODE SECONDS
//
// deep: recursion. text: strings, collections, exceptions, regular expressions, garbage. threads:
// sixteen of them, with locks and lambdas. chain: c1 calls c2 calls ... c9, each with a loop around its
// call, and c9 calls ever other methods that are over at once, so that many samples are in prologues
// and epilogues; to be run with CompileCommand=dontinline,JavaLoad::* its stacks are known exactly.
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

public class JavaLoad {
	interface Step {
		long go(long x);
	}

	static long end;
	static long sum;

	static boolean over() {
		return System.currentTimeMillis() >= end;
	}

	static long fib(int n) {
		return n < 2 ? n : fib(n - 1) + fib(n - 2);
	}

	static long down(int n) {
		return n == 0 ? fib(15) : down(n - 1) * 31 + n;
	}

	static void deep() {
		while (!over())
			sum += fib(22) + down(100);
	}

	static void text() throws Exception {
		List<Object> keep = new ArrayList<>();
		byte[] zeros = new byte[20000];

		for (int round = 0; !over(); round++) {
			Map<String, Integer> sorted = new TreeMap<>();
			Map<Integer, List<String>> lists = new HashMap<>();
			StringBuilder all = new StringBuilder();

			for (int i = 0; i < 2000; i++) {
				sorted.merge("k" + i * 31 % 977, i, Integer::sum);
				lists.computeIfAbsent(i % 97, k -> new LinkedList<>())
					.add(String.format("%d-%s", i, "x".repeat(i % 7)));
			}
			for (Map.Entry<String, Integer> e : sorted.entrySet())
				all.append(e.getKey()).append(e.getValue());
			sum += all.toString().replace("k1", "x").hashCode();
			sum += lists.values().stream().flatMap(List::stream).map(String::toUpperCase)
				.collect(Collectors.groupingBy(String::length)).size();
			sum += Pattern.compile("k(\\d+)").matcher(all).results().count();
			sum += java.security.MessageDigest.getInstance("SHA-256").digest(zeros)[0];
			keep.add(lists);
			if (keep.size() > 30)
				keep.remove(round % 30);
			try {
				if (round % 2 == 0)
					throw new IllegalStateException("round " + round);
			} catch (IllegalStateException e) {
				sum += e.getStackTrace().length;
			}
		}
	}

	static synchronized long locked(long x) {
		return x * 31 + 1;
	}

	static long oneThread(int id, Map<Long, Long> shared) throws Exception {
		Step[] steps = {x -> x + 1, x -> x * 3, x -> x ^ 77, Long::reverse, JavaLoad::locked};
		long s = id;

		while (!over()) {
			for (int i = 0; i < 2000; i++) {
				s = steps[(int) ((s >>> 3) % 5 + 5) % 5].go(s);
				shared.merge(s & 255, 1L, Long::sum);
				s += (long) (Math.sin(i) * 100);
			}
			synchronized (shared) {
				s += shared.size();
			}
			if (id % 4 == 0)
				Thread.sleep(1);
			Thread.yield();
		}
		return s;
	}

	static void threads() throws Exception {
		Map<Long, Long> shared = new ConcurrentHashMap<>();
		ExecutorService pool = Executors.newFixedThreadPool(16);
		List<Future<Long>> results = new ArrayList<>();

		for (int t = 0; t < 16; t++) {
			int id = t;

			results.add(pool.submit(() -> oneThread(id, shared)));
		}
		for (Future<Long> r : results)
			sum += r.get();
		pool.shutdown();
	}

	static long leaf1(long x) {
		return x + 1;
	}

	static long leaf2(long x, long y, long z, double d) {
		return x * y + z + (long) d;
	}

	static long leaf3(long[] x, int i) {
		x[i & 7] += x[i + 1 & 7];
		return leaf1(x[i + 2 & 7]);
	}

	static long c9(long x) {
		long[] a = {x, 1, 2, 3, 4, 5, 6, 7};

		for (int i = 0; i < 20; i++)
			x += leaf1(i) + leaf2(x, i, 3, i) + leaf3(a, i);
		return x;
	}

	static long c8(long x) { return c9(c9(x) + 1) + x; }
	static long c7(long x) { return c8(c8(x) + 1) + x; }
	static long c6(long x) { return c7(c7(x) + 1) + x; }
	static long c5(long x) { return c6(c6(x) + 1) + x; }
	static long c4(long x) { return c5(c5(x) + 1) + x; }
	static long c3(long x) { return c4(c4(x) + 1) + x; }
	static long c2(long x) { return c3(c3(x) + 1) + x; }
	static long c1(long x) { return c2(c2(x) + 1) + x; }

	static void chain() {
		while (!over())
			sum += c1(sum);
	}

	public static void main(String[] a) throws Exception {
		end = System.currentTimeMillis() + 1000 * Long.parseLong(a[1]);
		switch (a[0]) {
		case "deep": deep(); break;
		case "text": text(); break;
		case "threads": threads(); break;
		case "chain": chain(); break;
		default: throw new IllegalArgumentException(a[0]);
		}
		System.out.println(sum);
	}
}
