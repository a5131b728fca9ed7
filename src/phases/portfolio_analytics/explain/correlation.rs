//! The correlation of a pair of instruments.

use serde_json::json;

use super::{Explained, Metric, Number, Refusal, Sources, Told, line, money, not_stored, told};
use crate::analytics::MINIMUM_OBSERVATIONS;
use crate::analytics::correlation::pearson;
use crate::phases::portfolio_analytics::volatility::correlation;
use crate::phases::symbol_factors::WINDOW;
use crate::store::portfolio_results::CorrelationRow;
use crate::store::reports::{Correlation, Report};

pub(super) const CORRELATION: Metric = Metric {
    name: "correlation",
    argument: Some("SYMBOL,SYMBOL"),
    about: "correlation of two instruments; with :low_95, :high_95 or :n another number of the pair",
    formula: "Σ (x − mean x)(y − mean y) / √(Σ (x − mean x)² × Σ (y − mean y)²), pairwise complete",
    source: "market_data_cache, corporate_actions",
    unit: "−1 to 1",
    explain: pair,
    told: told::correlation,
};

/// A number of a pair, as it is stored and as it is made at a place of the triangle.
pub(super) struct OfPair {
    name: &'static str,
    pub(super) formula: &'static str,
    pub(super) unit: &'static str,
    stored: fn(&Correlation, usize) -> Option<f64>,
    made: fn(&CorrelationRow, usize) -> Option<f64>,
}

impl OfPair {
    /// What is stored; nothing is said of a pair without a correlation.
    pub(super) fn stored(&self, row: &Correlation, at: usize) -> Result<f64, Refusal> {
        let known = row.upper.get(at).copied().flatten();
        let value = known.and_then(|_| (self.stored)(row, at));
        let why = "fewer than 60 common returns, or one of the two does not move";
        value.ok_or_else(|| Refusal::NotStored(why.to_owned()))
    }
}

const OF_PAIR: &[OfPair] = &[
    OfPair {
        name: "correlation",
        formula: CORRELATION.formula,
        unit: CORRELATION.unit,
        stored: |row, at| row.upper[at],
        made: |row, at| row.correlations[at],
    },
    OfPair {
        name: "low_95",
        formula: "tanh(atanh ρ − 1.96 / √(n − 3)), the lower end of Fisher's interval",
        unit: CORRELATION.unit,
        stored: |row, at| row.low[at],
        made: |row, at| row.lower[at],
    },
    OfPair {
        name: "high_95",
        formula: "tanh(atanh ρ + 1.96 / √(n − 3)), the upper end of Fisher's interval",
        unit: CORRELATION.unit,
        stored: |row, at| row.high[at],
        made: |row, at| row.upper[at],
    },
    OfPair {
        name: "n",
        formula: "number of sessions on which both have a return",
        unit: "returns",
        stored: |row, at| row.n.get(at).copied().map(f64::from),
        made: |row, at| row.n.get(at).copied().map(f64::from),
    },
];

pub(super) const AVERAGE: Metric = Metric {
    name: "mean_correlation",
    argument: None,
    about: "mean of all pairs",
    formula: "Σ |weight × weight'| × ρ / Σ |weight × weight'| over the pairs with a correlation",
    source: WEIGHTED,
    unit: CORRELATION.unit,
    explain: |sources, _| {
        of_matrix(
            sources,
            &AVERAGE,
            NO_PAIR,
            |row| row.average,
            |row| row.average,
        )
    },
    told: |report, _| told_of_matrix(report, &AVERAGE, NO_PAIR, |row| row.average),
};

pub(super) const SHRINKAGE: Metric = Metric {
    name: "ledoit_wolf_shrinkage",
    argument: None,
    about: "how far the covariance of the returns is to be shrunk, a check",
    formula: "intensity of Ledoit and Wolf (2004) towards a scaled identity, on the symbols with all returns",
    source: CORRELATION.source,
    unit: "0 to 1",
    explain: |sources, _| {
        of_matrix(
            sources,
            &SHRINKAGE,
            NOTHING_MOVES,
            |row| row.shrinkage,
            |row| row.shrinkage,
        )
    },
    told: |report, _| told_of_matrix(report, &SHRINKAGE, NOTHING_MOVES, |row| row.shrinkage),
};

pub(super) const COVERAGE: Metric = Metric {
    name: "correlation_coverage",
    argument: None,
    about: "the part of the book that a correlation is known of",
    formula: "gross of the symbols that a correlation is known of / gross",
    source: WEIGHTED,
    unit: "a fraction of gross",
    explain: |sources, _| {
        of_matrix(
            sources,
            &COVERAGE,
            WORTHLESS,
            |row| row.coverage,
            |row| row.coverage,
        )
    },
    told: |report, _| told_of_matrix(report, &COVERAGE, WORTHLESS, |row| row.coverage),
};

/// Why numbers of the matrix are missing.
const NO_PAIR: &str = "no pair has a correlation";
const NOTHING_MOVES: &str = "fewer than two symbols have all returns, or none of them moves";
const WORTHLESS: &str = "the positions are worth nothing";

const WEIGHTED: &str = "market_data_cache, corporate_actions, position_values; options: positions, profile_versions, definition_sets";

/// A number of the whole matrix; where it is not stored, for the reason `none`.
fn of_matrix(
    sources: &Sources<'_>,
    metric: &Metric,
    none: &str,
    stored: fn(&Correlation) -> Option<f64>,
    made: fn(&CorrelationRow) -> Option<f64>,
) -> Result<Explained, Refusal> {
    let Some(row) = &sources.report.correlation else {
        return Err(sources.not_stored("correlation"));
    };
    let none = || Refusal::NotStored(none.to_owned());
    let stored = stored(row).ok_or_else(none)?;
    let (row, outcome) = correlation(&sources.view, sources.loaded);
    let gone = || Refusal::NotMade(outcome.reason().unwrap_or("no matrix").to_owned());
    let row = row.ok_or_else(gone)?;
    let computed = made(&row).ok_or_else(gone)?;
    let symbols = sources.view.priced.iter().map(|(symbol, sides)| {
        let value = json!({ "net": money(sides.net()), "gross": money(sides.gross()) });
        line(symbol.to_string(), value)
    });
    let known = row.correlations.iter().flatten().count();
    Ok(Explained {
        formula: metric.formula,
        source: metric.source,
        unit: metric.unit,
        window: format!("252 sessions to {}", sources.loaded.as_of),
        n: row.symbols.len(),
        inputs: symbols.collect(),
        steps: vec![
            line("pairs with a correlation", known),
            line("pairs", row.correlations.len()),
            line("correlations, row by row", json!(row.correlations)),
        ],
        computed: Number::Statistic(computed),
        stored: Number::Statistic(stored),
    })
}

fn told_of_matrix(
    report: &Report,
    metric: &Metric,
    none: &str,
    pick: fn(&Correlation) -> Option<f64>,
) -> Result<Told, Refusal> {
    let row = report.correlation.as_ref();
    let row = row.ok_or_else(|| not_stored(report, "correlation"))?;
    let none = || Refusal::NotStored(none.to_owned());
    let value = pick(row).ok_or_else(none)?;
    let known = row.upper.iter().flatten().count();
    Ok(Told {
        formula: metric.formula,
        source: metric.source,
        unit: metric.unit,
        window: format!("252 sessions to {}", report.published.as_of),
        n: Some(row.symbols.len()),
        inputs: vec![line("symbols", json!(row.symbols))],
        steps: vec![
            line("pairs with a correlation", known),
            line("pairs", row.upper.len()),
            line("correlations, row by row", json!(row.upper)),
        ],
        value: Number::Statistic(value),
    })
}

/// Where a pair stands in an upper triangle without its diagonal.
pub(super) fn place(size: usize, i: usize, j: usize) -> usize {
    let (i, j) = (i.min(j), i.max(j));
    i * size - i * (i + 1) / 2 + (j - i - 1)
}

/// The pair that is meant, in whatever order, and the number of it.
pub(super) fn meant(symbols: &[String], argument: &str) -> Option<(usize, usize, &'static OfPair)> {
    let usual = OF_PAIR[0].name;
    let (pair, of) = argument.split_once(':').unwrap_or((argument, usual));
    let of = OF_PAIR.iter().find(|one| one.name == of)?;
    let (a, b) = pair.split_once(',')?;
    let find = |name: &str| symbols.iter().position(|symbol| symbol == name.trim());
    let (a, b) = (find(a)?, find(b)?);
    (a != b).then_some((a, b, of))
}

fn pair(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let Some(stored) = &sources.report.correlation else {
        return Err(sources.not_stored("correlation"));
    };
    let Some((a, b, of)) = meant(&stored.symbols, argument) else {
        return Err(Refusal::Argument(pairs(stored)));
    };
    let value = of.stored(stored, place(stored.symbols.len(), a, b))?;
    let refuse = |why: String| Refusal::NotMade(why);
    let (row, outcome) = correlation(&sources.view, sources.loaded);
    let row = row.ok_or_else(|| refuse(outcome.reason().unwrap_or("no matrix").to_owned()))?;
    let names = [&stored.symbols[a], &stored.symbols[b]];
    let find = |name: &String| row.symbols.iter().position(|symbol| symbol == name);
    let (Some(i), Some(j)) = (find(names[0]), find(names[1])) else {
        return Err(refuse("one of the two is not priced any more".to_owned()));
    };
    let computed = (of.made)(&row, place(row.symbols.len(), i, j));
    let computed = computed.ok_or_else(|| refuse("too few common returns".to_owned()))?;
    let mut series = Vec::with_capacity(2);
    for name in names {
        let symbol = name
            .parse()
            .map_err(|_| refuse(format!("{name} is no symbol")))?;
        let all = sources
            .loaded
            .window
            .returns(&sources.loaded.prices, &symbol);
        let all = all.map_err(|error| refuse(error.to_string()))?;
        series.push(all[all.len() - WINDOW..].to_vec());
    }
    let known = pearson(&series[0], &series[1], MINIMUM_OBSERVATIONS);
    let known = known.map_err(|error| refuse(error.to_string()))?;
    let known = known.ok_or_else(|| refuse("too few common returns".to_owned()))?;
    let common: Vec<usize> = (0..WINDOW)
        .filter(|&t| !series[0][t].is_nan() && !series[1][t].is_nan())
        .collect();
    let statistics = |values: &[f64]| {
        let n = common.len() as f64;
        let mean = common.iter().map(|&t| values[t]).sum::<f64>() / n;
        let squares: f64 = common
            .iter()
            .map(|&t| (values[t] - mean) * (values[t] - mean))
            .sum();
        let returns: Vec<f64> = common.iter().map(|&t| values[t]).collect();
        json!({ "mean": mean, "deviation": (squares / (n - 1.0)).sqrt(), "returns": returns })
    };
    Ok(Explained {
        formula: of.formula,
        source: CORRELATION.source,
        unit: of.unit,
        window: format!("252 sessions to {}", sources.loaded.as_of),
        n: known.n,
        inputs: vec![
            line(names[0].clone(), statistics(&series[0])),
            line(names[1].clone(), statistics(&series[1])),
        ],
        steps: vec![
            line("correlation", known.rho),
            line("95 % interval by Fisher's z, from", known.low),
            line("95 % interval by Fisher's z, to", known.high),
        ],
        computed: Number::Statistic(computed),
        stored: Number::Statistic(value),
    })
}

/// Every pair, then their other numbers; a book of many names has too many to read, but each is one that works.
pub(super) fn pairs(row: &Correlation) -> Vec<String> {
    let symbols = row.symbols.iter().enumerate();
    let of = |(i, a): (usize, &String)| {
        let a = a.clone();
        let rest = row.symbols[i + 1..].iter();
        rest.map(move |b| format!("{a},{b}")).collect::<Vec<_>>()
    };
    let known: Vec<String> = symbols.flat_map(of).collect();
    let others = known.iter().flat_map(|pair| {
        let numbers = OF_PAIR[1..].iter();
        numbers.map(move |one| format!("{pair}:{}", one.name))
    });
    let others: Vec<String> = others.collect();
    known.into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_found_in_the_triangle_whatever_its_order() {
        let mut expected = 0;
        for i in 0..5 {
            for j in i + 1..5 {
                assert_eq!((place(5, i, j), place(5, j, i)), (expected, expected));
                expected += 1;
            }
        }
        let symbols = ["A", "B"].map(String::from);
        let found = |argument| meant(&symbols, argument).map(|(a, b, of)| (a, b, of.name));
        assert_eq!(found("B, A"), Some((1, 0, "correlation")));
        assert_eq!(found("A,B:low_95"), Some((0, 1, "low_95")));
        for wrong in ["A", "A,A", "A,C", "A,B:luck"] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
    }
}
