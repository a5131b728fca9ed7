//! Concentration by instrument: a long and a short in one instrument both count, lots do not.
//!
//! **Source.** Hirschman 1945 and Herfindahl 1950, on shares of gross exposure (design/analytics.md, Concentration and sectors).
//!
//! **NaN.** No missing values: NaN and infinite exposures are [`Error::Invalid`].

use super::Error;

/// Exposure of one instrument. All its lots are added before, per side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    /// Long exposure, ≥ 0.
    pub long: f64,
    /// Absolute short exposure, ≥ 0.
    pub short: f64,
}

/// How much of the gross exposure sits in few instruments. A share is (long + |short|) / gross.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Concentration {
    /// Herfindahl–Hirschman index, 0 to 10,000 (one instrument).
    pub hhi: f64,
    /// Effective number of names `1/Σ share²`.
    pub effective_names: f64,
    /// Sum of the three largest shares, in [0, 1].
    pub top_3: f64,
    /// Sum of the ten largest shares, in [0, 1].
    pub top_10: f64,
    /// Instruments with exposure.
    pub names: usize,
    /// Gross exposure, long + |short|.
    pub gross: f64,
}

/// Concentration of the instruments given, one entry each, all in one currency: `10,000·Σ share²` and what follows from the shares;
/// `Ok(None)` without exposure.
///
/// Shares are sorted by size before anything is summed, so the order of the instruments changes no bit.
/// [`Error::Invalid`] for a negative number or one that is not finite.
pub fn concentration(instruments: &[Exposure]) -> Result<Option<Concentration>, Error> {
    let mut sizes = Vec::with_capacity(instruments.len());
    for instrument in instruments {
        let size = instrument.long + instrument.short;
        if !(instrument.long >= 0.0 && instrument.short >= 0.0 && super::is_number(size)) {
            return Err(Error::Invalid { what: "exposure" });
        }
        if size > 0.0 {
            sizes.push(size);
        }
    }
    sizes.sort_by(|a, b| b.total_cmp(a));
    let gross: f64 = sizes.iter().sum();
    if sizes.is_empty() {
        return Ok(None);
    }
    let shares: Vec<f64> = sizes.iter().map(|size| size / gross).collect();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    Ok(Some(Concentration {
        hhi: 10_000.0 * squares,
        effective_names: 1.0 / squares,
        top_3: shares.iter().take(3).sum::<f64>().min(1.0),
        top_10: shares.iter().take(10).sum::<f64>().min(1.0),
        names: sizes.len(),
        gross,
    }))
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::*;

    fn long(size: f64) -> Exposure {
        Exposure {
            long: size,
            short: 0.0,
        }
    }

    #[test]
    fn g16_concentration() {
        let result = concentration(&[long(0.4), long(0.3), long(0.2), long(0.1)])
            .unwrap()
            .unwrap();
        assert!((result.hhi - 3000.0).abs() < 1e-9);
        assert!((result.effective_names - 3.3333333).abs() < 1e-7);
        assert!((result.top_3 - 0.9).abs() < 1e-15);
        assert!((result.top_10 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn long_and_short_of_one_instrument_both_count() {
        let both = concentration(&[
            Exposure {
                long: 300.0,
                short: 100.0,
            },
            long(100.0),
        ])
        .unwrap()
        .unwrap();
        assert!((both.top_3 - 1.0).abs() < 1e-15);
        assert!((both.hhi - 10_000.0 * (0.64 + 0.04)).abs() < 1e-9);
        assert_eq!((both.names, both.gross), (2, 500.0));
    }

    #[test]
    fn the_order_of_the_instruments_changes_no_bit_and_the_scale_nothing() {
        let forward = [long(0.1), long(0.7), long(0.3), long(0.2)];
        let mut backward = forward;
        backward.reverse();
        assert_eq!(
            concentration(&forward).unwrap(),
            concentration(&backward).unwrap()
        );
        let scaled = forward.map(|exposure| long(1024.0 * exposure.long));
        let (one, two) = (
            concentration(&forward).unwrap().unwrap(),
            concentration(&scaled).unwrap().unwrap(),
        );
        assert_eq!(one.hhi.to_bits(), two.hhi.to_bits());
    }

    #[test]
    fn nothing_has_no_concentration_and_nonsense_is_an_error() {
        assert_eq!(concentration(&[]).unwrap(), None);
        assert_eq!(concentration(&[long(0.0)]).unwrap(), None);
        assert!(concentration(&[long(-1.0)]).is_err());
        assert!(concentration(&[long(f64::NAN)]).is_err());
        assert!(concentration(&[long(1e61)]).is_err());
    }
}
