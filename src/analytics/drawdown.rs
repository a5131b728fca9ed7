//! Drawdowns: how far an index fell from a peak, and when it was back.
//!
//! **Source.** The usual definition; Young 1991 divides by the deepest.
//!
//! **NaN.** No missing values: NaN and infinite levels are [`Error::Invalid`].

use super::Error;

/// A fall from a peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawdown {
    /// Position of the peak: the last entry at the highest level before the fall.
    pub peak: usize,
    /// Position of the first lowest entry.
    pub trough: usize,
    /// Position of the first entry at or above the peak again; none if that has not come.
    pub recovery: Option<usize>,
    /// `1 − trough/peak`, a positive fraction.
    pub depth: f64,
}

/// Every drawdown `1 − trough/peak` of an index (NAV per share, or total return; any unit), oldest first; none where it only rose.
///
/// [`Error::Invalid`] for levels that are NaN, infinite or not positive.
pub fn drawdowns(index: &[f64]) -> Result<Vec<Drawdown>, Error> {
    if !index
        .iter()
        .all(|level| super::is_number(*level) && *level > 0.0)
    {
        return Err(Error::Invalid {
            what: "level of an index",
        });
    }
    let mut found: Vec<Drawdown> = Vec::new();
    let mut peak = 0;
    let mut falling: Option<Drawdown> = None;
    for (at, level) in index.iter().enumerate() {
        if *level >= index[peak] {
            if let Some(mut over) = falling.take() {
                over.recovery = Some(at);
                found.push(over);
            }
            peak = at;
            continue;
        }
        let depth = 1.0 - level / index[peak];
        let fall = falling.get_or_insert(Drawdown {
            peak,
            trough: at,
            recovery: None,
            depth,
        });
        if depth > fall.depth {
            (fall.trough, fall.depth) = (at, depth);
        }
    }
    found.extend(falling);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g22_the_deepest_is_from_110_to_88() {
        let found = drawdowns(&[100.0, 110.0, 99.0, 104.0, 88.0, 120.0]).unwrap();
        assert_eq!(found.len(), 1);
        assert!((found[0].depth - 0.2).abs() < 1e-15);
        assert_eq!(
            (found[0].peak, found[0].trough, found[0].recovery),
            (1, 4, Some(5))
        );
    }

    #[test]
    fn every_fall_is_there_and_the_last_may_be_open() {
        let found = drawdowns(&[1.0, 0.9, 1.0, 1.0, 0.8, 0.9]).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].peak, found[0].recovery), (0, Some(2)));
        assert_eq!(
            (found[1].peak, found[1].trough, found[1].recovery),
            (3, 4, None)
        );
        assert!(drawdowns(&[1.0, 2.0]).unwrap().is_empty());
        assert!(drawdowns(&[]).unwrap().is_empty());
        assert!(drawdowns(&[1.0, 0.0]).is_err());
        assert!(drawdowns(&[f64::NAN]).is_err());
    }
}
