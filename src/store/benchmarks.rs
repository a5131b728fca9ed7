//! Sector weights of benchmarks, as people loaded them.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Attempt, ReadTx, Result, WriteTx};

/// Weights by date, then by sector: fractions that add up to 1.
type Dated = BTreeMap<NaiveDate, BTreeMap<String, Decimal>>;

/// A benchmark as a date sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// The date of its weights: the newest that is not younger.
    pub as_of: NaiveDate,
    /// Sector → weight, fractions that add up to 1.
    pub weights: BTreeMap<String, Decimal>,
}

/// Makes imports of benchmarks wait for each other until the transaction ends; readers go on.
pub async fn lock(tx: &mut WriteTx) -> Result<()> {
    sqlx::query!("lock table benchmark_weights in share row exclusive mode")
        .execute(tx.connection())
        .await
        .attempt("locking the benchmarks")?;
    Ok(())
}

/// What is stored of a benchmark for these dates.
pub async fn weights(db: &mut ReadTx<'_>, name: &str, dates: &[NaiveDate]) -> Result<Dated> {
    let rows = sqlx::query!(
        "select as_of, sector, weight from benchmark_weights where benchmark = $1 and as_of = any($2)",
        name,
        dates
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the weights of a benchmark")?;
    let mut weights = Dated::new();
    for row in rows {
        let of_date = weights.entry(row.as_of).or_default();
        of_date.insert(row.sector, row.weight);
    }
    Ok(weights)
}

/// Replaces the weights of a benchmark for these dates; others stay.
pub async fn replace(tx: &mut WriteTx, name: &str, weights: &Dated) -> Result<()> {
    let dates: Vec<NaiveDate> = weights.keys().copied().collect();
    sqlx::query!(
        "delete from benchmark_weights where benchmark = $1 and as_of = any($2)",
        name,
        &dates
    )
    .execute(tx.connection())
    .await
    .attempt("removing weights of a benchmark")?;
    let (mut dates, mut sectors, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (date, of_date) in weights {
        for (sector, weight) in of_date {
            dates.push(*date);
            sectors.push(sector.clone());
            values.push(*weight);
        }
    }
    sqlx::query!(
        "insert into benchmark_weights (benchmark, as_of, sector, weight)
         select $1, w.* from unnest($2::date[], $3::text[], $4::numeric[]) as w(as_of, sector, weight)",
        name,
        &dates,
        &sectors,
        &values
    )
    .execute(tx.connection())
    .await
    .attempt("storing weights of a benchmark")?;
    Ok(())
}

/// Every benchmark with its newest weights that are not younger than the date, by name.
pub async fn as_of(db: &mut ReadTx<'_>, date: NaiveDate) -> Result<Vec<Benchmark>> {
    let rows = sqlx::query!(
        r#"select w.benchmark, w.as_of, w.sector, w.weight
           from benchmark_weights w
           join (select benchmark, max(as_of) as as_of from benchmark_weights where as_of <= $1 group by benchmark) n
                using (benchmark, as_of)
           order by w.benchmark collate "C", w.sector collate "C""#,
        date
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the benchmarks of a date")?;
    let mut benchmarks: Vec<Benchmark> = Vec::new();
    for row in rows {
        if benchmarks
            .last()
            .is_none_or(|last| last.name != row.benchmark)
        {
            benchmarks.push(Benchmark {
                name: row.benchmark,
                as_of: row.as_of,
                weights: BTreeMap::new(),
            });
        }
        if let Some(last) = benchmarks.last_mut() {
            last.weights.insert(row.sector, row.weight);
        }
    }
    Ok(benchmarks)
}
