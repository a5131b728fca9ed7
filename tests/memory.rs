//! Memory grows with symbols and with sessions, not with their square: the peak of everything that is allocated, input included.

use peak_alloc::PeakAlloc;
use sigmabatch::workloads::ledger::LongBook;
use sigmabatch::workloads::series::Universe;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Twice as much of one dimension may take this many times the memory; what does not grow with it takes off.
const DOUBLED: f64 = 2.05;

/// The peak of bytes while `work` runs, beyond what was there before.
fn peak(work: impl FnOnce()) -> f64 {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    work();
    (HEAP.peak_usage() - before) as f64
}

/// One test: the counter is of the whole process.
#[test]
fn memory_is_linear_in_symbols_and_sessions() {
    let fits = |symbols, sessions| {
        peak(|| {
            let universe = Universe::new(symbols, sessions);
            assert_eq!(universe.joint_fits().unwrap().len(), symbols);
        })
    };
    let ledger = |lots, sessions| {
        peak(|| {
            let book = LongBook::new(lots, sessions).unwrap();
            assert!(book.totals().unwrap().len() >= sessions);
        })
    };
    let series = (100, 252);
    linear("joint fits", fits, series);
    linear("ledger", ledger, (20, 504));
    // Nothing but the input and its fits: a matrix of sessions by sessions alone would be half a megabyte.
    let input = (100 * 252 * size_of::<f64>()) as f64;
    let fitted = fits(series.0, series.1);
    assert!(fitted < 3.0 * input, "{fitted} of {input}");

    // Of each pair there is a result; beside results it is linear too.
    let pairs = |symbols, sessions| {
        let results = symbols * (symbols - 1) / 2;
        let held = peak(|| {
            let universe = Universe::new(symbols, sessions);
            let found = universe.correlations().unwrap();
            assert_eq!(found.pairs.len(), results);
        });
        held / ((symbols * sessions + 8 * results) * size_of::<f64>()) as f64
    };
    let (one, more, longer) = (pairs(100, 252), pairs(400, 252), pairs(100, 1_008));
    for each in [more, longer] {
        assert!(each < 1.1 * one.max(3.0), "{one} {more} {longer}");
    }
}

fn linear(what: &str, held: impl Fn(usize, usize) -> f64, (symbols, sessions): (usize, usize)) {
    let one = held(symbols, sessions);
    let (wider, longer) = (held(2 * symbols, sessions), held(symbols, 2 * sessions));
    for (how, twice) in [("wider", wider), ("longer", longer)] {
        let times = twice / one;
        assert!(
            times < DOUBLED,
            "{what}, {how}: {one} to {twice} bytes, {times} times"
        );
    }
}
