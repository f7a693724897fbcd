//! What memory costs that has rested: some machines take it away meanwhile, or give it back only when it is touched. Rows that write seldom
//! come to memory that rested since the last write, and so does their floor, which has less of it.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

/// About a batch of 350 ms.
const BYTES: usize = 28 * PAGE;
const PAGE: usize = 4 << 10;
const ROUNDS: usize = 10;
/// As long as between two batches of 350 ms.
const REST: Duration = Duration::from_millis(300);

/// Microseconds to copy a page, at once and after a rest: medians.
pub fn micros_a_page() -> (f64, f64) {
    let (source, mut copy) = (vec![1_u8; BYTES], vec![0_u8; BYTES]);
    let mut median = |rest: Duration| {
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                thread::sleep(rest);
                let began = Instant::now();
                black_box(&mut copy).copy_from_slice(black_box(&source));
                began.elapsed().as_secs_f64() * 1e6 / (BYTES / PAGE) as f64
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        rounds[ROUNDS / 2]
    };
    (median(Duration::ZERO), median(REST))
}
