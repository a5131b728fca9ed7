//! Injected faults in a calm series: each is found once, with its evidence, and as nothing else.

use super::*;
use crate::analytics::fixtures::noise;

const N: usize = 253;

fn calm() -> Vec<f64> {
    let mut close = 50.0;
    noise(7, N, 0.01)
        .into_iter()
        .map(|r| {
            close *= 1.0 + r;
            close
        })
        .collect()
}

fn check(closes: &[f64]) -> Vec<Finding> {
    with_actions(closes, &[], &[])
}

fn with_actions(closes: &[f64], split: &[(usize, f64)], cash: &[(usize, f64)]) -> Vec<Finding> {
    let (mut splits, mut dividends) = (vec![1.0; closes.len()], vec![0.0; closes.len()]);
    for (at, ratio) in split {
        splits[*at] = *ratio;
    }
    for (at, amount) in cash {
        dividends[*at] = *amount;
    }
    let series = Closes {
        closes,
        splits: &splits,
        dividends: &dividends,
    };
    check_closes(series).unwrap()
}

fn one(findings: &[Finding], check: Check, first: usize, last: usize) {
    let found: Vec<_> = findings
        .iter()
        .map(|f| (f.check, f.first, f.last))
        .collect();
    assert_eq!(found, [(check, first, last)], "{findings:?}");
}

#[test]
fn a_calm_series_has_no_finding() {
    assert_eq!(check(&calm()), []);
    assert_eq!(check(&[]), []);
    assert_eq!(check(&[f64::NAN; 5]), []);
}

#[test]
fn holes_after_the_first_close_are_gaps_run_by_run() {
    let mut closes = calm();
    closes[..20].fill(f64::NAN);
    assert_eq!(check(&closes), [], "a listing is no gap");
    closes[100..103].fill(f64::NAN);
    closes[N - 2..].fill(f64::NAN);
    let findings = check(&closes);
    let found: Vec<_> = findings
        .iter()
        .map(|f| (f.check, f.first, f.measured))
        .collect();
    assert_eq!(found, [(Check::Gap, 100, 3.0), (Check::Gap, N - 2, 2.0)]);
}

#[test]
fn five_repetitions_are_stale_and_four_are_not() {
    let mut closes = calm();
    let close = closes[99];
    closes[100..104].fill(close);
    assert_eq!(check(&closes), []);
    closes[104] = close;
    closes[102] = f64::NAN;
    closes[105] = close;
    let findings = check(&closes);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert_eq!(
        (findings[0].check, findings[0].first, findings[0].last),
        (Check::Stale, 100, 105)
    );
    assert_eq!(
        findings[0].measured.total_cmp(&5.0),
        std::cmp::Ordering::Equal
    );
    assert_eq!(findings[1].check, Check::Gap);
}

#[test]
fn closes_that_are_not_positive_are_named_and_make_no_move() {
    let mut closes = calm();
    (closes[50], closes[60]) = (0.0, -3.0);
    let findings = check(&closes);
    let found: Vec<_> = findings.iter().map(|f| (f.check, f.first)).collect();
    assert_eq!(found, [(Check::NonPositive, 50), (Check::NonPositive, 60)]);
}

#[test]
fn a_tick_that_reverts_is_one_finding_with_three_closes() {
    for factor in [1.2, 0.8, 10.0, 0.01] {
        let mut closes = calm();
        closes[150] *= factor;
        let findings = check(&closes);
        one(&findings, Check::BadTick, 150, 150);
        assert_eq!(findings[0].values, [closes[149], closes[150], closes[151]]);
    }
    let mut closes = calm();
    closes[150] *= 1.2;
    closes[151] *= 1.2;
    one(&check(&closes), Check::BadTick, 150, 151);
}

#[test]
fn a_jump_on_the_last_session_is_unconfirmed_until_the_next_one() {
    let calm = calm();
    let at = N - 2;
    for factor in [1.489, 0.7] {
        let mut closes = calm.clone();
        closes[at] *= factor;
        let found = check(&closes[..=at]);
        one(&found, Check::UnconfirmedJump, at, at);
        assert_eq!(found[0].values, [closes[at - 1], closes[at]]);
        let jump = closes[at] / closes[at - 1] - 1.0;
        assert!((found[0].measured - jump).abs() < 1e-12, "{found:?}");
        let threshold = found[0].threshold;
        assert!(
            threshold.abs() < jump.abs() && (threshold > 0.0) == (jump > 0.0),
            "{found:?}"
        );
        // A hole is no close that could tell.
        let mut hole = closes[..=at].to_vec();
        hole.push(f64::NAN);
        let kinds: Vec<Check> = check(&hole).iter().map(|found| found.check).collect();
        assert_eq!(kinds, [Check::UnconfirmedJump, Check::Gap]);
        // Taken back it was a tick, kept it was news.
        one(&check(&closes), Check::BadTick, at, at);
        closes[at + 1] *= factor;
        assert_eq!(check(&closes), []);
    }
}

#[test]
fn a_last_move_that_something_explains_is_no_unconfirmed_jump() {
    let mut closes = calm();
    closes[N - 1] *= 1.04;
    assert_eq!(check(&closes), [], "no tick is so small");
    closes[N - 1] *= 1.75;
    one(&check(&closes), Check::Outlier, N - 1, N - 1);
    let mut closes = calm();
    closes[N - 1] /= 2.0;
    one(&check(&closes), Check::SplitMissing, N - 1, N - 1);
    assert_eq!(with_actions(&closes, &[(N - 1, 2.0)], &[]), []);
    let mut closes = calm();
    closes[N - 3..N - 1]
        .iter_mut()
        .for_each(|close| *close *= 1.2);
    one(&check(&closes), Check::BadTick, N - 3, N - 2);
}

#[test]
fn a_split_that_is_not_on_record_is_missing_and_one_on_record_is_fine() {
    for ratio in [1.5, 2.0, 7.0, 20.0, 0.5, 0.1] {
        let mut closes = calm();
        closes[200..].iter_mut().for_each(|close| *close /= ratio);
        let findings = check(&closes);
        one(&findings, Check::SplitMissing, 200, 200);
        assert!((findings[0].threshold - ratio).abs() < 1e-12);
        assert_eq!(with_actions(&closes, &[(200, ratio)], &[]), []);
    }
}

#[test]
fn a_split_on_closes_that_are_adjusted_already_is_doubled() {
    for ratio in [7.0, 2.0, 0.1] {
        one(
            &with_actions(&calm(), &[(200, ratio)], &[]),
            Check::SplitDoubled,
            200,
            200,
        );
    }
}

#[test]
fn a_jump_that_nothing_explains_is_an_outlier_with_its_sign() {
    let mut closes = calm();
    closes[200..].iter_mut().for_each(|close| *close *= 0.55);
    let findings = check(&closes);
    one(&findings, Check::Outlier, 200, 200);
    assert!(findings[0].measured < -0.43 && findings[0].threshold < -0.39);
}

#[test]
fn large_moves_among_large_moves_are_no_finding() {
    let wild: Vec<f64> = {
        let mut close = 50.0;
        noise(7, N, 0.12)
            .into_iter()
            .map(|r| {
                close *= 1.0 + r;
                close
            })
            .collect()
    };
    assert_eq!(check(&wild), []);
}

#[test]
fn the_rhythm_of_dividends_shows_what_is_missing_and_what_is_twice() {
    let quarters = [(10, 0.50), (72, 0.50), (136, 0.52), (199, 0.52)];
    assert_eq!(with_actions(&calm(), &[], &quarters), []);
    let without: Vec<_> = [0, 1, 3].map(|at| quarters[at]).into();
    one(
        &with_actions(&calm(), &[], &without),
        Check::DividendMissing,
        72,
        199,
    );
    // A special dividend is neither; nor is a payer that stops.
    let special = [(10, 0.50), (40, 3.0), (72, 0.50), (136, 0.52)];
    assert_eq!(with_actions(&calm(), &[], &special), []);
    let twice = [(10, 0.50), (72, 0.50), (75, 0.50), (136, 0.52), (199, 0.52)];
    one(
        &with_actions(&calm(), &[], &twice),
        Check::DividendDoubled,
        72,
        75,
    );
    let double = [(10, 0.50), (72, 1.00), (136, 0.52), (199, 0.52)];
    one(
        &with_actions(&calm(), &[], &double),
        Check::DividendDoubled,
        72,
        72,
    );
}

#[test]
fn a_split_between_dividends_changes_their_size_and_not_the_rhythm() {
    let mut closes = calm();
    closes[100..].iter_mut().for_each(|close| *close /= 7.0);
    let quarters = [(10, 3.50), (72, 3.50), (136, 0.52), (199, 0.52)];
    assert_eq!(with_actions(&closes, &[(100, 7.0)], &quarters), []);
}

#[test]
fn yields_may_rest_on_bond_holidays_and_may_be_negative() {
    let mut yields: Vec<f64> = noise(9, N, 0.0005)
        .iter()
        .scan(0.001, |level, change| {
            *level += change;
            Some(*level)
        })
        .collect();
    yields[50] = f64::NAN;
    assert_eq!(check_yields(&yields).unwrap(), []);
    yields[51] = f64::NAN;
    one(&check_yields(&yields).unwrap(), Check::Gap, 50, 51);
    let before = yields[49];
    yields[50..52].fill(before + 1e-5);
    yields[120] += 0.2;
    one(&check_yields(&yields).unwrap(), Check::BadTick, 120, 120);
    yields[120] -= 0.2;
    yields[121..].iter_mut().for_each(|value| *value += 0.02);
    one(&check_yields(&yields).unwrap(), Check::Outlier, 121, 121);
    yields.fill(0.02);
    one(&check_yields(&yields).unwrap(), Check::Stale, 1, N - 1);
}

/// Sessions before the last year, of a history as long as the one that a night looks at.
const OLDER: usize = 278;

#[test]
fn a_year_is_judged_as_if_nothing_were_before_it_and_an_older_one_by_its_own_moves() {
    let mut close = 50.0;
    let moves = noise(11, OLDER, 0.06).into_iter().chain(noise(7, N, 0.01));
    let mut closes: Vec<f64> = moves
        .map(|r| {
            close *= 1.0 + r;
            close
        })
        .collect();
    let at = OLDER + 150;
    closes[at] *= 1.07;
    let alone = check(&closes[OLDER..]);
    one(&alone, Check::BadTick, 150, 150);
    let both = check(&closes);
    one(&both, Check::BadTick, at, at);
    assert_eq!(both[0].threshold.to_bits(), alone[0].threshold.to_bits());
    // What is a jump in the calm year is usual in the wild one.
    closes[100] *= 1.07;
    one(&check(&closes), Check::BadTick, at, at);
    closes[100] *= 10.0;
    let found: Vec<_> = check(&closes).iter().map(|f| (f.check, f.first)).collect();
    assert_eq!(found, [(Check::BadTick, 100), (Check::BadTick, at)]);
}

#[test]
fn each_year_has_its_rhythm_of_dividends() {
    let mut close = 50.0;
    let moves = noise(7, OLDER + N, 0.01).into_iter();
    let closes: Vec<f64> = moves
        .map(|r| {
            close *= 1.0 + r;
            close
        })
        .collect();
    let paid: Vec<(usize, f64)> = (0..9).map(|quarter| (20 + 63 * quarter, 0.5)).collect();
    assert_eq!(with_actions(&closes, &[], &paid), []);
    let without = |quarter: usize| {
        let mut paid = paid.clone();
        paid.remove(quarter);
        with_actions(&closes, &[], &paid)
    };
    // In the year before the last one, as its last, and in the last one.
    one(&without(2), Check::DividendMissing, 83, 209);
    one(&without(4), Check::DividendMissing, 209, 335);
    one(&without(6), Check::DividendMissing, 335, 461);
    // Raised by half: the five that were smaller say nothing of the three of the last year.
    let mut raised = paid.clone();
    for (_, amount) in &mut raised[5..] {
        *amount = 0.75;
    }
    raised.remove(7);
    let found = with_actions(&closes, &[], &raised);
    one(&found, Check::DividendMissing, 398, 524);
}

#[test]
fn nothing_after_the_last_session_and_nothing_of_the_order_of_checks_matters() {
    let mut closes = calm();
    closes[150] *= 1.2;
    closes[100] = f64::NAN;
    let all = check(&closes);
    let cut = check(&closes[..200]);
    assert_eq!(all, cut, "a shorter history, the same past");
}

#[test]
fn what_is_no_number_is_refused() {
    let refused = |closes: &[f64], splits: &[f64], dividends: &[f64]| {
        check_closes(Closes {
            closes,
            splits,
            dividends,
        })
        .is_err()
    };
    assert!(refused(&[1.0, f64::INFINITY], &[1.0; 2], &[0.0; 2]));
    assert!(refused(&[1.0, 1.0], &[1.0], &[0.0; 2]));
    assert!(refused(&[1.0, 1.0], &[1.0, 0.0], &[0.0; 2]));
    assert!(refused(&[1.0, 1.0], &[1.0; 2], &[0.0, -1.0]));
    assert!(check_yields(&[f64::INFINITY]).is_err());
}
