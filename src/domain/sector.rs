//! The buckets of sectors.

/// The bucket of what has no sector.
pub const UNCLASSIFIED: &str = "Unclassified";
/// The bucket of funds.
const ETF: &str = "ETF";

/// The bucket of an instrument: its sector, `ETF` for a fund without one, or `Unclassified`. The kind is
/// the provider's word for what it is.
pub fn sector_bucket<'a>(sector: Option<&'a str>, kind: Option<&str>) -> &'a str {
    match (sector, kind) {
        (Some(sector), _) if !sector.is_empty() => sector,
        (_, Some(kind)) if kind.eq_ignore_ascii_case(ETF) => ETF,
        _ => UNCLASSIFIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_goes_before_what_the_instrument_is() {
        assert_eq!(sector_bucket(Some("Energy"), Some("ETF")), "Energy");
        assert_eq!(sector_bucket(Some(""), Some("etf")), "ETF");
        assert_eq!(sector_bucket(None, Some("MUTUALFUND")), "Unclassified");
        assert_eq!(sector_bucket(None, None), "Unclassified");
    }
}
