//! What is refused, and in which words.

use super::*;

/// The malformed lines of a folder, each as `file line: problem`.
async fn problems(scratch: &Scratch) -> Vec<String> {
    match all(&scratch.open().unwrap(), "A").await {
        Err(error @ Error::Malformed { .. }) => {
            assert!(!error.is_transient());
            let Error::Malformed { lines, .. } = error else {
                unreachable!()
            };
            lines
                .iter()
                .map(|l| format!("{} {}: {}", l.file, l.line, l.problem))
                .collect()
        }
        other => panic!("expected malformed lines, got {other:?}"),
    }
}

#[test]
fn a_text_that_names_no_provider_is_told_what_to_write() {
    for spec in ["", "data/market", "yahoo:", "files:"] {
        let error = Provider::open(spec).unwrap_err().to_string();
        assert!(error.starts_with(&format!("\"{spec}\"")), "{error}");
        assert!(error.contains("write files:DIR"), "{error}");
    }
}

#[test]
fn a_wrong_folder_is_refused_at_once() {
    let refusal = |scratch: &Scratch| match scratch.open() {
        Err(error @ Error::Folder { .. }) => error.to_string(),
        other => panic!("expected a refusal, got {other:?}"),
    };
    let scratch = Scratch::new("adjusted");
    assert!(refusal(&scratch).contains("provider.toml line 1: unknown variant `adjusted`"));
    scratch.replace("provider.toml", "basis = \"raw\"\nbassis = 1\n");
    assert!(refusal(&scratch).contains("provider.toml line 2: unknown field `bassis`"));
    fs::remove_file(scratch.path().join("provider.toml")).unwrap();
    assert!(refusal(&scratch).contains("has no provider.toml; create one with basis = \"raw\""));
    scratch.replace("provider.toml", "basis = \"raw\"");
    fs::remove_dir(scratch.path().join("prices")).unwrap();
    assert!(refusal(&scratch).contains("has no folder prices"));
    fs::remove_dir_all(scratch.path()).unwrap();
    assert!(refusal(&scratch).contains("is no folder; create it or correct the path"));
}

#[tokio::test]
async fn closes_that_are_no_prices_are_named_with_their_lines() {
    let scratch = Scratch::new("raw").write(
        "prices/a.csv",
        "# comment\ndate,A,B\n2016-01-04,1,NaN\n\n2016-01-05,1,x\n2016-01-06,1\n06.01.2016,1,1\n",
    );
    let expected = [
        "prices/a.csv 3: close of B \"NaN\" is no number",
        "prices/a.csv 5: close of B \"x\" is no number",
        "prices/a.csv 6: 2 cells, but the header names 3 columns",
        "prices/a.csv 7: \"06.01.2016\" is no date, write it as 2016-12-30",
    ];
    assert_eq!(problems(&scratch).await, expected);
}

#[tokio::test]
async fn all_files_of_the_folder_are_reported_in_one_error() {
    let scratch = Scratch::new("raw")
        .write("prices/a.csv.gz", "date,A\n2016-01-04,zero\n")
        .write("prices/b.csv", "symbol,date,close,open\n,2016-01-04,1,\nA,2016-01-04,1,0\n")
        .write("prices/c.csv", "name,date,price\n")
        .write("prices/d.csv", "symbol,date,price\n")
        .write("prices/e.csv", "")
        .write("prices/f.csv", "date,BRK.B,BRK-B,A B\n")
        .write("corporate_actions.csv", "symbol,ex_date,split_ratio,cash_dividend\nA,2016-01-04,0,\nA,2016-01-05,,-1\nA,2016-01-06,,1\nA,2016-01-06,,1\n")
        .write("yields.csv", "date,UST10Y\n2016-01-04,2.24\n2016-01-05,0.02\n2016-01-05,0.03\n")
        .write("profiles.csv", "symbol,secter\nA,x\n")
        .write("fundamentals.csv", "symbol,kind,period_end,item,value\nA,income,2016-01-01,x,1\nA,estimate,2016-01-01,,1\nA,estimate,2016-01-01,eps,1\nA,estimate,2016-01-01,eps,2\n");
    let found = problems(&scratch).await;
    let expected = [
        "corporate_actions.csv 2: split_ratio 0 is not above zero",
        "corporate_actions.csv 3: cash_dividend -1 is below zero",
        "corporate_actions.csv 5: a second dividend of A on 2016-01-06; write their total once",
        "fundamentals.csv 2: kind \"income\" is none of income_annual, ",
        "fundamentals.csv 3: item is empty",
        "fundamentals.csv 5: 2 contradicts 1 in line 4",
        "prices/a.csv.gz 2: close of A \"zero\" is no number",
        "prices/b.csv 2: empty symbol",
        "prices/b.csv 3: open 0 is not above zero",
        "prices/c.csv 1: neither a wide table (first column date) nor a tidy one",
        "prices/d.csv 1: column close is missing",
        "prices/e.csv 1: no header",
        "prices/f.csv 1: column: symbol \"A B\" has a character outside",
        "prices/f.csv 1: columns BRK.B and BRK-B are the same instrument",
        "profiles.csv 1: unknown column \"secter\"; the columns are symbol, name, sector, ",
        "yields.csv 2: yield UST10Y 2.24 is no fraction, write 0.0245 for 2.45 %",
        "yields.csv 4: UST10Y is 0.03 on 2016-01-05, but 0.02 in line 3",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            found.starts_with(expected),
            "{found}\n  instead of\n{expected}"
        );
    }
}

#[tokio::test]
async fn two_closes_of_one_date_are_named_with_both_places() {
    let scratch = Scratch::new("raw")
        .write("prices/a.csv", "date,BRK-B\n2016-01-04,1\n")
        .write(
            "prices/b.csv",
            "symbol,date,close\nX,2016-01-04,1\nBRK.B,2016-01-04,1.01\n",
        );
    let expected =
        "prices/b.csv 3: BRK-B closes at 1.01 on 2016-01-04, but at 1 in prices/a.csv line 2";
    assert_eq!(problems(&scratch).await, [expected]);
}

#[tokio::test]
async fn a_profile_stands_once() {
    let scratch = Scratch::new("raw").write("profiles.csv", "symbol,name\nBRK.B,x\n\nBRK-B,y\n");
    assert_eq!(
        problems(&scratch).await,
        ["profiles.csv 4: BRK-B is already in line 2"]
    );
}

#[tokio::test]
async fn what_is_no_text_is_reported_too() {
    let scratch = Scratch::new("raw").write("prices/a.csv.gz", "date,A\n2016-01-04,1\n");
    let packed = scratch.path().join("prices/a.csv.gz");
    let whole = fs::read(&packed).unwrap();
    fs::write(&packed, &whole[..whole.len() - 4]).unwrap();
    fs::write(
        scratch.path().join("prices/b.csv"),
        b"date,A\n2016-01-04,1\xff\n",
    )
    .unwrap();
    let found = problems(&scratch).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("prices/a.csv.gz 3: cannot be unpacked"),
        "{}",
        found[0]
    );
    assert_eq!(
        found[1],
        "prices/b.csv 2: is no UTF-8 text; save the file as CSV in UTF-8"
    );
}

#[tokio::test]
async fn a_wrong_file_of_thousands_of_lines_gives_a_short_error() {
    let rows = "2016-01-04,x\n".repeat(3000);
    let scratch = Scratch::new("raw").write("prices/a.csv", &format!("date,A\n{rows}"));
    let error = all(&scratch.open().unwrap(), "A").await.unwrap_err();
    let Error::Malformed { lines, more, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((lines.len(), *more), (50, 2950));
    let text = error.to_string();
    assert!(
        text.contains("3000 malformed lines\n  prices/a.csv line 2: close of A \"x\""),
        "{text}"
    );
    assert!(text.ends_with("and 2950 more"), "{text}");
}
