//! Jumps: ticks that revert, splits that are missing or applied twice, moves that nothing explains, and the newest move while no
//! close after it tells.

use super::moves::{Move, Scale};
use super::{Check, Finding};

/// A tick that reverts is at least so large. Smaller ones cannot be told from trading, and cost little.
pub const TICK_SIZE: f64 = 0.05;
/// … and so many robust standard deviations of the moves around it. The largest genuine reversal in `data/` has 5.7 (BBY on a
/// takeover rumour, 13 and 14 December 2012).
pub const TICK_DEVIATIONS: f64 = 8.0;
/// What is left of a tick after it reverts, as a part of its size.
pub const TICK_REST: f64 = 0.25;
/// A tick is taken back within so many sessions; what stays longer is a level.
pub const TICK_SESSIONS: usize = 3;
/// Forward splits people make, new shares for one. 5:4 and smaller look like any bad day and are left out.
pub const FORWARD_SPLITS: [f64; 14] = [
    1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0,
];
/// Reverse splits, old shares for one. 3:2 backwards is not made; a rise by half is news (AMD, 22 April 2016: +52 %).
pub const REVERSE_SPLITS: [f64; 14] = [
    2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0,
];
/// How far from the exact ratio, in robust standard deviations: the day of a split has an ordinary return, too.
pub const SPLIT_DEVIATIONS: f64 = 2.5;
/// … but at least and at most so far, as a logarithm. Halving or more in a day is so rare that a day's ordinary news cannot be
/// mistaken for it; 3:2 is near what happens on bad days, and has to fit better.
pub const SPLIT_TOLERANCE: (f64, f64) = (0.05, 0.08);
/// At least so far from 3:2.
pub const SMALL_SPLIT_TOLERANCE: f64 = 0.02;
/// A jump beyond this is an outlier, as a logarithm: +65 % or −39 %. The largest in `data/` is +0.42 (AMD, see above).
pub const OUTLIER_SIZE: f64 = 0.5;
/// A jump smaller than so many robust standard deviations is usual for its series.
pub const JUMP_DEVIATIONS: f64 = 8.0;

/// Jumps that are taken back within [`TICK_SESSIONS`] closes: at least [`TICK_SIZE`] and [`TICK_DEVIATIONS`], with at most
/// [`TICK_REST`] of it left. `measured` is the return into the tick, `values` the closes before, at and after it. Says of each move
/// whether a tick explains it.
pub fn bad_ticks(moves: &[Move], closes: &[f64]) -> (Vec<Finding>, Vec<bool>) {
    let scale = Scale::new(moves);
    let mut findings = Vec::new();
    let mut explained = vec![false; moves.len()];
    let mut at = 0;
    while at < moves.len() {
        let Some((back, threshold)) = reversal(moves, &scale, at) else {
            at += 1;
            continue;
        };
        findings.push(Finding {
            check: Check::BadTick,
            first: moves[at].to,
            last: moves[back].from,
            measured: libm::expm1(moves[at].total),
            threshold: libm::expm1(threshold),
            values: vec![moves[at].before, closes[moves[at].to], moves[back].after],
        });
        explained[at..=back].fill(true);
        at = back + 1;
    }
    (findings, explained)
}

/// The move that takes the jump at `at` back, with the size that both had to have.
fn reversal(moves: &[Move], scale: &Scale, at: usize) -> Option<(usize, f64)> {
    let jump = moves[at].total;
    if jump.abs() < TICK_SIZE {
        return None;
    }
    let mut sum = jump;
    for (back, one) in moves.iter().enumerate().skip(at + 1).take(TICK_SESSIONS) {
        sum += one.total;
        let size = jump.abs().min(one.total.abs());
        let opposite = (one.total < 0.0) != (jump < 0.0);
        if !opposite || sum.abs() > TICK_REST * size {
            continue;
        }
        let threshold = TICK_SIZE.max(TICK_DEVIATIONS * scale.around(at..=back));
        if size >= threshold {
            return Some((back, threshold));
        }
    }
    None
}

/// Splits that are missing, and splits on record that the closes do not show. `measured` is the ratio that the closes show (new
/// shares for one), `threshold` the ratio it is compared with, `values` the closes before and after. Marks what it explains.
///
/// A fall near a ratio of [`FORWARD_SPLITS`], or a rise near one of [`REVERSE_SPLITS`], without a split on record is
/// [`Check::SplitMissing`]; on adjusted closes the rise is an earlier split that was adjusted twice. A split on record with closes that
/// go on as if nothing had happened is [`Check::SplitDoubled`].
#[expect(
    clippy::float_cmp,
    reason = "1 is what a caller writes without a split"
)]
pub fn splits(moves: &[Move], explained: &mut [bool]) -> Vec<Finding> {
    let scale = Scale::new(moves);
    let mut findings = Vec::new();
    for (at, one) in moves.iter().enumerate() {
        // Most moves are small for their year, and need no look around.
        if explained[at] || one.total.abs() < JUMP_DEVIATIONS * scale.of_year(at) {
            continue;
        }
        let usual = scale.around(at..=at);
        if one.total.abs() < JUMP_DEVIATIONS * usual {
            continue;
        }
        let found = if one.split == 1.0 {
            ratio_of(one.price, usual).map(|ratio| (Check::SplitMissing, ratio))
        } else {
            let recorded = libm::log(one.split).abs();
            let goes_on = one.price.abs() < one.total.abs() && one.total.abs() > 0.5 * recorded;
            goes_on.then_some((Check::SplitDoubled, one.split))
        };
        if let Some((check, ratio)) = found {
            explained[at] = true;
            findings.push(Finding {
                check,
                first: one.to,
                last: one.to,
                measured: one.before / one.after,
                threshold: ratio,
                values: vec![one.before, one.after],
            });
        }
    }
    findings
}

/// The split that a move looks like, as new shares for one: the nearest ratio that is near enough.
fn ratio_of(price: f64, usual: f64) -> Option<f64> {
    let away = |ratio: f64| (price + libm::log(ratio)).abs();
    let near = |ratio: &f64| {
        let least = if *ratio == FORWARD_SPLITS[0] {
            SMALL_SPLIT_TOLERANCE
        } else {
            SPLIT_TOLERANCE.0
        };
        away(*ratio) <= (SPLIT_DEVIATIONS * usual).clamp(least, SPLIT_TOLERANCE.1)
    };
    let forward = FORWARD_SPLITS.into_iter();
    let reverse = REVERSE_SPLITS.into_iter().map(|ratio| 1.0 / ratio);
    let fitting = forward.chain(reverse).filter(near);
    fitting.min_by(|a, b| away(*a).total_cmp(&away(*b)))
}

/// Moves beyond [`OUTLIER_SIZE`] and [`JUMP_DEVIATIONS`] that nothing explains; `measured` and `threshold` are returns with their
/// sign, `values` the closes before and after. Marks what it names.
pub fn outliers(moves: &[Move], explained: &mut [bool]) -> Vec<Finding> {
    let scale = Scale::new(moves);
    let mut findings = Vec::new();
    for (at, one) in moves.iter().enumerate() {
        if explained[at] || one.total.abs() <= OUTLIER_SIZE {
            continue;
        }
        let limit = OUTLIER_SIZE.max(JUMP_DEVIATIONS * scale.around(at..=at));
        if one.total.abs() > limit {
            explained[at] = true;
            findings.push(Finding {
                check: Check::Outlier,
                first: one.to,
                last: one.to,
                measured: libm::expm1(one.total),
                threshold: libm::expm1(limit.copysign(one.total)),
                values: vec![one.before, one.after],
            });
        }
    }
    findings
}

/// The last move, where it is as large as a tick ([`TICK_SIZE`] and [`TICK_DEVIATIONS`]) and nothing explains it: a tick or news. With
/// the next close it is [`Check::BadTick`] or nothing; a wrong level that stays for [`TICK_SESSIONS`] is found when it is taken back.
/// `measured` and `threshold` are returns with their sign, `values` the closes before and after.
///
/// Of the 26 series in `data/` 28 sessions in eleven years have one, all of them genuine: that is what it costs not to wait.
pub fn unconfirmed_jump(moves: &[Move], explained: &[bool]) -> Option<Finding> {
    let at = moves.len().checked_sub(1)?;
    let one = moves[at];
    let threshold = TICK_SIZE.max(TICK_DEVIATIONS * Scale::new(moves).around(at..=at));
    if explained[at] || one.total.abs() < threshold {
        return None;
    }
    Some(Finding {
        check: Check::UnconfirmedJump,
        first: one.to,
        last: one.to,
        measured: libm::expm1(one.total),
        threshold: libm::expm1(threshold.copysign(one.total)),
        values: vec![one.before, one.after],
    })
}
