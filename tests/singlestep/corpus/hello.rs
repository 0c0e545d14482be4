// SPDX-License-Identifier: Apache-2.0

//! Frames of Rust: closures, iterators, a thread, a panic that is caught.
use std::arch::asm;
use std::hint::black_box;

#[inline(never)]
fn down(n: u32) -> u32 {
    let a = [n; 16];
    if n == 0 { 1 } else { down(n - 1) + black_box(&a)[3] }
}

fn mark() {
    unsafe { asm!("int3") }
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    mark();
    let v: Vec<u32> = (0..20).map(down).collect();
    black_box(v.iter().sum::<u32>());
    let r = std::panic::catch_unwind(|| {
        if black_box(3) == 3 {
            panic!("{}", down(2));
        }
    });
    black_box(r.is_err());
    let t = std::thread::spawn(|| down(5));
    black_box(t.join().unwrap());
    mark();
}
