//! `import benchmark`: the sector weights that books are compared with.

use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json};

use super::{file_name, read, told};
use crate::cli::Error;
use crate::cli::output::Output;
use crate::cli::text::{count, indented, left, table};
use crate::clock::Clock;
use crate::import::benchmark_csv;
use crate::intake::{self, BenchmarkOrder, Status, Who};
use crate::store::Pools;

/// `import benchmark`.
#[derive(Debug, Args)]
pub struct BenchmarkArgs {
    /// The benchmark, as results name it.
    #[arg(value_parser = benchmark_csv::name)]
    pub name: String,
    /// The CSV file: `as_of`, sector, weight (a fraction); the weights of a date add up to 1.
    pub file: PathBuf,
    /// Why; stands in the table `audit` for ever. Without it, the name of the file.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who imports it.
    #[arg(long, env = "USER", default_value = "operator", value_name = "NAME")]
    pub who: String,
}

/// What `import benchmark` did.
#[derive(Debug)]
pub struct BenchmarkReceipt {
    /// The benchmark.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// What became of it.
    pub did: intake::BenchmarkReceipt,
}

/// Imports weights: those of a date in the file take the place of what is stored for it.
pub async fn benchmark(
    pools: &Pools,
    clock: &Clock,
    args: &BenchmarkArgs,
) -> Result<BenchmarkReceipt, Error> {
    let bytes = read(&args.file)?;
    let given = args.reason.clone();
    let reason = given.unwrap_or_else(|| format!("import of {}", file_name(&args.file)));
    let order = BenchmarkOrder {
        file: args.file.clone(),
        name: args.name.clone(),
        who: Who {
            who: args.who.clone(),
            reason,
        },
    };
    let did = intake::benchmark(pools, clock, &order, &bytes).await;
    Ok(BenchmarkReceipt {
        name: order.name,
        file: order.file,
        did: did.map_err(|error| told(error, &args.file))?,
    })
}

impl BenchmarkReceipt {
    /// The page or the document.
    pub fn output(&self, json: bool) -> Output {
        Output::either(json, || self.document(), || self.page())
    }

    fn document(&self) -> Value {
        json!({
            "status": self.did.status.as_str(),
            "kind": "benchmark",
            "name": self.name,
            "file": self.file.display().to_string(),
            "rows": self.did.rows,
            "added": self.did.added,
            "replaced": self.did.replaced,
            "unchanged": self.did.unchanged,
            "from_date": self.did.from_date,
        })
    }

    fn page(&self) -> String {
        let (name, file) = (&self.name, self.file.display());
        let changed = self.did.status != Status::Unchanged;
        let Some(from) = self.did.from_date.filter(|_| changed) else {
            return format!("{file} has the weights of {name:?} already: nothing was changed\n");
        };
        let row = |what: &str, date: &NaiveDate| vec![what.to_owned(), date.to_string()];
        let added = self.did.added.iter().map(|date| row("added", date));
        let replaced = self.did.replaced.iter().map(|date| row("replaced", date));
        let rows: Vec<Vec<String>> = added.chain(replaced).collect();
        let dates = count(rows.len(), "date");
        let mut page = format!("changed the weights of {name:?}: {dates}\n");
        page.push_str(&indented(&table(&[left(""), left("as of")], rows)));
        let _ = writeln!(
            page,
            "  results from {from} on are out of date: run them again"
        );
        page
    }
}
