//! How much of a book a number rests on, and when that is too little.

/// Below this part of gross a number is flagged.
pub const LOW: f64 = 0.8;

/// The flag of a number that rests on less than [`LOW`] of the book.
pub const FLAG: &str = "low_coverage";

/// Whether a number of this coverage (modelled gross over gross, a fraction) rests on too little of the book. Without a coverage there
/// is no number, or a book that is worth nothing and has no part to rest on: neither is flagged.
pub fn is_low(coverage: Option<f64>) -> bool {
    coverage.is_some_and(|part| part < LOW)
}

/// The flags of a number that follow from its coverage alone: [`FLAG`], or none. What stores a coverage need not store the
/// flag.
pub fn flags(coverage: Option<f64>) -> Vec<String> {
    let low = is_low(coverage).then(|| FLAG.to_owned());
    low.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_four_fifths_of_the_book_is_flagged() {
        assert_eq!(flags(Some(0.799_999)), ["low_coverage"]);
        assert_eq!(flags(Some(0.0)), ["low_coverage"]);
        for enough in [Some(0.8), Some(1.0), None] {
            assert!(flags(enough).is_empty(), "{enough:?}");
        }
    }
}
