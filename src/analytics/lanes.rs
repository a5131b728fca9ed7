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
    }
}
