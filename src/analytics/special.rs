//! Tail probabilities: normal, chi-square with whole degrees of freedom, Student t.
//!
//! **Source.** Abramowitz and Stegun 1964, chapter 26.
//!
//! **NaN.** Outside of its domain, NaN included, a function is `None`. Everything here is free of units.

use core::f64::consts::{FRAC_1_SQRT_2, PI};

use super::at_least_zero;

/// Standard normal distribution function, by `erfc` so that both tails keep their digits, in [0, 1]. NaN gives `None`.
pub fn normal_cdf(x: f64) -> Option<f64> {
    (!x.is_nan()).then(|| 0.5 * libm::erfc(-x * FRAC_1_SQRT_2))
}

/// Upper tail `P(χ²_k > x)` for `k ≥ 1` whole degrees of freedom, by the closed sums for even and odd `k`.
///
/// 1 for `x ≤ 0`; `None` for NaN or `k = 0`.
pub fn chi_square_tail(x: f64, degrees: usize) -> Option<f64> {
    if x.is_nan() || degrees == 0 {
        return None;
    }
    if x <= 0.0 {
        return Some(1.0);
    }
    if x.is_infinite() {
        return Some(0.0);
    }
    let half = 0.5 * x;
    // Term j of the sum is e^(−h)·h^a / Γ(a+1) with a = j (even) or j + ½ (odd); each follows from the one before.
    let (mut sum, mut term, mut power) = if degrees.is_multiple_of(2) {
        (0.0, libm::exp(-half), 0.0)
    } else {
        (
            libm::erfc(half.sqrt()),
            libm::exp(-half) * (half / PI).sqrt() * 2.0,
            0.5,
        )
    };
    for _ in 0..degrees / 2 {
        sum += term;
        power += 1.0;
        term *= half / power;
    }
    Some(sum.min(1.0))
}

/// Two-sided p-value `P(|T| > |t|)` of Student's t with `degrees > 0` degrees of freedom (fractions allowed; above 1e7 the normal distribution).
///
/// `None` for NaN or `degrees ≤ 0`.
pub fn student_t_p(t: f64, degrees: f64) -> Option<f64> {
    Student::new(degrees)?.p(t)
}

/// The t beyond which a share `tail` of Student's t lies on both sides together: `P(|T| > t) = tail`, so 0.05 gives the width of a 95 %
/// interval in standard errors.
///
/// `None` unless `0 < tail < 1` and `degrees > 0`, or when t is beyond 1e60.
pub fn student_t_critical(tail: f64, degrees: f64) -> Option<f64> {
    Student::new(degrees)?.critical(tail)
}

/// Where `1 − within` takes over from both tails: `t² = 4.5` for many degrees of freedom.
const NEAR: f64 = 4.5;

/// Above so many degrees of freedom the normal distribution is nearer than the digits that the difference of two huge logarithms leaves: both
/// are right to 1e-8.
const NORMAL: f64 = 1e7;

/// Student's t with one number of degrees of freedom: what all questions about it share is worked out once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Student {
    degrees: f64,
    /// `−ln B(ν/2, ½)`.
    log_front: f64,
}

impl Student {
    /// `None` unless `degrees > 0`; fractions and infinity are allowed.
    pub(super) fn new(degrees: f64) -> Option<Self> {
        let degrees = if degrees > NORMAL {
            f64::INFINITY
        } else {
            degrees
        };
        (degrees > 0.0).then(|| Self {
            degrees,
            log_front: log_front(0.5 * degrees, 0.5),
        })
    }

    /// See [`student_t_p`].
    pub(super) fn p(&self, t: f64) -> Option<f64> {
        if t.is_nan() {
            return None;
        }
        if self.degrees.is_infinite() {
            return Some(libm::erfc(t.abs() * FRAC_1_SQRT_2));
        }
        let square = t * t;
        if square.is_infinite() {
            return Some(0.0);
        }
        let (nu, half) = (self.degrees, 0.5 * self.degrees);
        // Up to t ≈ 2.1 the share within ±t takes a quarter of the steps that both tails take: intervals of 95 % and most p that anybody
        // looks at lie there, and 1 − 0.95 costs two digits of sixteen.
        let value = if square < NEAR * nu / (nu + 2.0) {
            1.0 - beta_side(0.5, half, square / (nu + square), self.log_front)
        } else {
            beta_side(half, 0.5, nu / (nu + square), self.log_front)
        };
        value.is_finite().then(|| value.clamp(0.0, 1.0))
    }

    /// See [`student_t_critical`]: Newton's steps on p, whose slope is twice the density. p is convex, so a step never goes beyond the
    /// root; from a start right of it, it may go below zero, and then half the way is gone.
    pub(super) fn critical(&self, tail: f64) -> Option<f64> {
        if !(tail > 0.0 && tail < 1.0) {
            return None;
        }
        let mut t = self.nearly_critical(tail);
        loop {
            let step = (self.p(t)? - tail) / (2.0 * self.density(t));
            let next = if t + step < 0.0 { 0.5 * t } else { t + step };
            if !super::is_number(next) {
                return None;
            }
            // The error after a step is about the square of the step: less than rounding.
            if step.abs() <= 1e-9 * t {
                return Some(next);
            }
            t = next;
        }
    }

    /// The critical value to some digits: the normal one (Abramowitz and Stegun, 26.2.23, and a step of Newton's), expanded in 1/ν (26.7.5).
    fn nearly_critical(&self, tail: f64) -> f64 {
        let s = (-2.0 * libm::log(0.5 * tail)).sqrt();
        let above = 2.515_517 + s * (0.802_853 + s * 0.010_328);
        let below = 1.0 + s * (1.432_788 + s * (0.189_269 + s * 0.001_308));
        let z = s - above / below;
        let slope = libm::exp(-0.5 * z * z) * (2.0 / PI).sqrt();
        let z = z + (libm::erfc(z * FRAC_1_SQRT_2) - tail) / slope;
        let (square, nu) = (z * z, self.degrees);
        let first = (square + 1.0) * z / 4.0;
        let second = ((5.0 * square + 16.0) * square + 3.0) * z / 96.0;
        at_least_zero(z + (first + second / nu) / nu)
    }

    /// `(1 + t²/ν)^(−(ν+1)/2) / (√ν·B(ν/2, ½))`, that of the normal distribution for infinite ν.
    fn density(&self, t: f64) -> f64 {
        let nu = self.degrees;
        if nu.is_infinite() {
            return libm::exp(-0.5 * t * t) / (2.0 * PI).sqrt();
        }
        libm::exp(self.log_front - 0.5 * (nu + 1.0) * libm::log1p(t * t / nu)) / nu.sqrt()
    }
}

/// Regularised incomplete beta function `I_x(a, b)` for `a, b > 0` and `x` in [0, 1], in [0, 1], by its continued fraction; `None` outside.
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> Option<f64> {
    incomplete_beta_of(a, b, x, log_front(a, b))
}

/// `−ln B(a, b)`.
fn log_front(a: f64, b: f64) -> f64 {
    libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
}

fn incomplete_beta_of(a: f64, b: f64, x: f64, log_front: f64) -> Option<f64> {
    if !(a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite() && (0.0..=1.0).contains(&x)) {
        return None;
    }
    if x <= 0.0 || x >= 1.0 {
        return Some(super::no_negative_zero(x));
    }
    let value = if x < (a + 1.0) / (a + b + 2.0) {
        beta_side(a, b, x, log_front)
    } else {
        1.0 - beta_side(b, a, 1.0 - x, log_front)
    };
    value.is_finite().then(|| value.clamp(0.0, 1.0))
}

/// `I_x(a, b)` by its own fraction: exact for every x in [0, 1), quick for small ones only.
fn beta_side(a: f64, b: f64, x: f64, log_front: f64) -> f64 {
    libm::exp(log_front + a * libm::log(x) + b * libm::log1p(-x)) * beta_fraction(a, b, x) / a
}

/// Terms of the continued fraction: it converges in about `√max(a, b)` steps, so this serves some millions of degrees of freedom.
const MAX_TERMS: u32 = 10_000;

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8) by its recurrence, two terms a step and normed so that
/// the denominator is 1: three divisions a step, where Lentz's way takes six.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut fraction = 1.0 / (1.0 - (a + b) * x / (a + 1.0));
    // Numerator and denominator of the term before the last, divided by the denominator of the last.
    let (mut above, mut below) = (fraction, fraction);
    for step in 1..MAX_TERMS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let (above_even, below_even) = (fraction + even * above, 1.0 + even * below);
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let (above_odd, below_odd) = (above_even + odd * fraction, below_even + odd);
        let norm = 1.0 / below_odd;
        above = above_even * norm;
        below = below_even * norm;
        let before = fraction;
        fraction = above_odd * norm;
        // Nearer need two terms not come: rounding may hold them one step apart for ever.
        if (fraction - before).abs() <= f64::EPSILON * fraction.abs() {
            break;
        }
    }
    fraction
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_at_well_known_points() {
        assert!((normal_cdf(1.959963984540054).unwrap() - 0.975).abs() < 1e-15);
        assert!((normal_cdf(0.0).unwrap() - 0.5).abs() < 1e-16);
        assert!((normal_cdf(-6.0).unwrap() / 9.865876450376946e-10 - 1.0).abs() < 1e-12);
        assert_eq!(normal_cdf(f64::NAN), None);
    }

    #[test]
    fn the_chi_square_tail_at_textbook_critical_values() {
        for (x, k) in [
            (3.841458820694124, 1),
            (5.991464547107979, 2),
            (7.814727903251179, 3),
            (18.307038053275146, 10),
        ] {
            assert!((chi_square_tail(x, k).unwrap() - 0.05).abs() < 1e-14, "{k}");
        }
        assert!((chi_square_tail(11.070497693516351, 5).unwrap() - 0.05).abs() < 1e-14);
        assert_eq!(chi_square_tail(0.0, 3), Some(1.0));
        assert_eq!(chi_square_tail(f64::INFINITY, 3), Some(0.0));
        assert_eq!(chi_square_tail(1.0, 0), None);
        assert_eq!(chi_square_tail(f64::NAN, 1), None);
    }

    #[test]
    fn student_t_at_textbook_critical_values() {
        assert!((student_t_p(2.306004135204166, 8.0).unwrap() - 0.05).abs() < 1e-13);
        assert!((student_t_p(1.0, 1.0).unwrap() - 0.5).abs() < 1e-14);
        assert!((student_t_p(1.959963984540054, f64::INFINITY).unwrap() - 0.05).abs() < 1e-14);
        for degrees in [9.9e6, 1.1e7, 1e12, 1e300] {
            let p = student_t_p(1.959963984540054, degrees).unwrap();
            assert!((p - 0.05).abs() < 1e-7, "{degrees}: {p}");
            let t = student_t_critical(0.05, degrees).unwrap();
            assert!((t - 1.959963984540054).abs() < 1e-6, "{degrees}: {t}");
        }
        assert_eq!(student_t_p(0.0, 8.0), Some(1.0));
        // Closed forms of two and four degrees of freedom, on both sides of the turn.
        for step in 0..400 {
            let t = f64::from(step) * 0.02;
            let two = t / (2.0 + t * t).sqrt();
            let four = t / (4.0 + t * t).sqrt();
            let four = four * (1.5 - 0.5 * four * four);
            assert!(
                (student_t_p(t, 2.0).unwrap() - (1.0 - two)).abs() < 1e-14,
                "{t}"
            );
            assert!(
                (student_t_p(t, 4.0).unwrap() - (1.0 - four)).abs() < 1e-14,
                "{t}"
            );
        }
        assert_eq!(student_t_p(f64::INFINITY, 8.0), Some(0.0));
        assert_eq!(student_t_p(1.0, 0.0), None);
    }

    #[test]
    fn student_t_critical_values_of_the_textbook() {
        for (degrees, want) in [
            (1.0, 12.706204736174694),
            (8.0, 2.306004135204166),
            (245.0, 1.9696939205435462),
            (f64::INFINITY, 1.959963984540054),
        ] {
            let have = student_t_critical(0.05, degrees).unwrap();
            assert!((have / want - 1.0).abs() < 1e-12, "{degrees}: {have}");
        }
        assert!(student_t_critical(0.999, 3.0).unwrap() > 0.0);
        for (tail, degrees) in [
            (0.0, 3.0),
            (1.0, 3.0),
            (f64::NAN, 3.0),
            (0.05, 0.0),
            (1e-12, 0.1),
        ] {
            assert_eq!(student_t_critical(tail, degrees), None, "{tail} {degrees}");
        }
    }
}
