//! Kernels and computations that a night repeats, on one core. `cargo bench --bench analytics`; the targets stand in
//! `sigmabatch bench analytics`, which measures the same.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sigmabatch::workloads::ledger::LongBook;
use sigmabatch::workloads::night::Night;
use sigmabatch::workloads::series::Universe;

fn series(criterion: &mut Criterion) {
    let universe = Universe::new(500, 252);
    let mut group = criterion.benchmark_group("series");
    group.sample_size(20);
    group.bench_function("joint_fits/500x252x8", |bench| {
        bench.iter(|| black_box(&universe).joint_fits().unwrap());
    });
    group.bench_function("correlations/500x252", |bench| {
        bench.iter(|| black_box(&universe).correlations().unwrap());
    });
    group.finish();
}

fn ledger(criterion: &mut Criterion) {
    let book = LongBook::new(100, 2_520).unwrap();
    criterion.bench_function("ledger/100x2520", |bench| {
        bench.iter(|| black_box(&book).totals().unwrap());
    });
}

fn night(criterion: &mut Criterion) {
    let market = concat!("files:", env!("CARGO_MANIFEST_DIR"), "/data/market");
    let night = Night::new(50, market).unwrap();
    criterion.bench_function("night/50x19", |bench| {
        bench.iter(|| black_box(&night).compute().unwrap());
    });
}

criterion_group!(benches, series, ledger, night);
criterion_main!(benches);
