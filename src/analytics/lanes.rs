//! Sums over long series in eight lanes: element i goes to lane i mod 8, the lanes are added in one fixed tree. Compilers turn this into
//! vector instructions of whatever width there is, and the bits are the same with all of them.

const LANES: usize = 8;

/// Sum of products; the shorter length counts.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, a_rest) = a[..n].as_chunks::<LANES>();
    let (b, b_rest) = b[..n].as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += a * b;
    }
    total(lanes)
}

/// `dot(a, b)` and `dot(a, c)`, bit for bit, in one pass over `a`: twice as many sums wait for each other half as long. All three have one length.
pub(crate) fn dot_both(a: &[f64], b: &[f64], c: &[f64]) -> (f64, f64) {
    debug_assert!(a.len() == b.len() && a.len() == c.len());
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let (c, c_rest) = c.as_chunks::<LANES>();
    let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
    for (a, (b, c)) in a.iter().zip(b.iter().zip(c)) {
        for lane in 0..LANES {
            first[lane] += a[lane] * b[lane];
            second[lane] += a[lane] * c[lane];
        }
    }
    for (lane, (a, (b, c))) in a_rest.iter().zip(b_rest.iter().zip(c_rest)).enumerate() {
        first[lane] += a * b;
        second[lane] += a * c;
    }
    (total(first), total(second))
}

/// Sum of the products of three; the shortest length counts.
pub(crate) fn dot_of_three(a: &[f64], b: &[f64], c: &[f64]) -> f64 {
    let n = a.len().min(b.len()).min(c.len());
    let (a, a_rest) = a[..n].as_chunks::<LANES>();
    let (b, b_rest) = b[..n].as_chunks::<LANES>();
    let (c, c_rest) = c[..n].as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, (b, c)) in a.iter().zip(b.iter().zip(c)) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane] * c[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest.iter().zip(c_rest));
    for (lane, (a, (b, c))) in lanes.iter_mut().zip(rest) {
        *lane += a * b * c;
    }
    total(lanes)
}

/// Sum.
pub(crate) fn sum(a: &[f64]) -> f64 {
    let (a, rest) = a.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for a in a {
        for lane in 0..LANES {
            lanes[lane] += a[lane];
        }
    }
    for (lane, a) in lanes.iter_mut().zip(rest) {
        *lane += a;
    }
    total(lanes)
}

/// `target += factor·a`, element by element; the shorter length counts.
pub(crate) fn add_scaled(target: &mut [f64], factor: f64, a: &[f64]) {
    for (target, a) in target.iter_mut().zip(a) {
        *target += factor * a;
    }
}

/// `target_i = a_i + … + a_{i + width − 1}`, added in this order; `a` has `width − 1` elements more than `target`.
pub(crate) fn window_sums(target: &mut [f64], a: &[f64], width: usize) {
    let (blocks, rest) = target.as_chunks_mut::<LANES>();
    let begin = blocks.len() * LANES;
    for (at, block) in (0..).step_by(LANES).zip(blocks) {
        let mut sums = [0.0; LANES];
        for window in a[at..at + LANES + width - 1].windows(LANES) {
            for lane in 0..LANES {
                sums[lane] += window[lane];
            }
        }
        *block = sums;
    }
    for (sum, window) in rest.iter_mut().zip(a[begin..].windows(width)) {
        *sum = window.iter().fold(0.0, |sum, value| sum + value);
    }
}

/// `target = a·b`, element by element; the shortest length counts.
pub(crate) fn products(target: &mut [f64], a: &[f64], b: &[f64]) {
    for (target, (a, b)) in target.iter_mut().zip(a.iter().zip(b)) {
        *target = a * b;
    }
}

fn total(lanes: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    // From +0, so that a sum of negative zeros is +0.
    0.0 + (((a + e) + (c + g)) + ((b + f) + (d + h)))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_summed_completely() {
        for n in 0..40 {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            let n = f64::from(n);
            assert_eq!(sum(&values), n * (n + 1.0) / 2.0);
            assert_eq!(dot(&values, &values), n * (n + 1.0) * (2.0 * n + 1.0) / 6.0);
            let cubes = n * n * (n + 1.0) * (n + 1.0) / 4.0;
            assert_eq!(dot_of_three(&values, &values, &values), cubes);
        }
        for n in 0..40 {
            let odd = |step: f64| (0..n).map(|i| (f64::from(i) * step).sin()).collect();
            let (a, b, c): (Vec<f64>, Vec<f64>, Vec<f64>) = (odd(0.7), odd(1.3), odd(2.9));
            assert_eq!(dot_both(&a, &b, &c), (dot(&a, &b), dot(&a, &c)));
        }
        assert_eq!(dot(&[1.0, 2.0], &[3.0]), 3.0);
        assert!(sum(&[-0.0]).is_sign_positive());
    }

    #[test]
    fn scaled_additions_and_products_go_element_by_element() {
        let mut values = [1.0, 2.0, 3.0];
        add_scaled(&mut values, 2.0, &[1.0, 0.0, -1.0]);
        assert_eq!(values, [3.0, 2.0, 1.0]);
        products(&mut values, &[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]);
        assert_eq!(values, [4.0, 10.0, 18.0]);
        for (n, width) in [(0, 6), (1, 6), (8, 1), (9, 6), (21, 3)] {
            let values: Vec<f64> = (0..n + width - 1).map(|i| (i as f64).sqrt()).collect();
            let mut sums = vec![0.0; n];
            window_sums(&mut sums, &values, width);
            let plain = values
                .windows(width)
                .map(|window| window.iter().fold(0.0, |a, b| a + b));
            assert_eq!(sums, plain.collect::<Vec<f64>>());
        }
    }
}
