// SPDX-License-Identifier: Apache-2.0

// Frames of Go: goroutines on stacks of their own, closures, growing stacks.
package main

import "runtime"

var sink int

//go:noinline
func down(n int) int {
	var a [8]int
	if n == 0 {
		return sink
	}
	a[n&7] = n
	return down(n-1) + a[n&7]
}

func main() {
	done := make(chan int)
	runtime.Breakpoint()
	sink = down(20)
	go func() { done <- down(5) }()
	sink = <-done
	runtime.Breakpoint()
}
