//! A folder that changes during the life of a worker.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;

#[tokio::test]
async fn replaced_added_and_removed_files_are_noticed() {
    let scratch = Scratch::new("raw").write("prices/a.csv", "date,A\n2016-01-04,1\n");
    let provider = scratch.open().unwrap();
    assert_eq!(closes(&all(&provider, "A").await.unwrap()), "01-04 1");

    scratch.replace("prices/a.csv", "date,A\n2016-01-04,1\n2016-01-05,2\n");
    assert_eq!(
        closes(&all(&provider, "A").await.unwrap()),
        "01-04 1, 01-05 2"
    );

    scratch.replace("prices/b.csv", "date,A,B\n2016-01-06,3,7\n");
    assert_eq!(
        closes(&all(&provider, "A").await.unwrap()),
        "01-04 1, 01-05 2, 01-06 3"
    );
    assert!(provider.has_series(&symbol("B")).await.unwrap());

    fs::remove_file(scratch.path().join("prices/a.csv")).unwrap();
    assert_eq!(closes(&all(&provider, "A").await.unwrap()), "01-06 3");
}

#[tokio::test]
async fn a_file_of_the_same_size_is_told_by_its_time() {
    let scratch = Scratch::new("raw").write("prices/a.csv", "date,A\n2016-01-04,1\n");
    let provider = scratch.open().unwrap();
    all(&provider, "A").await.unwrap();
    scratch.replace("prices/a.csv", "date,A\n2016-01-04,9\n");
    let file = File::options()
        .write(true)
        .open(scratch.path().join("prices/a.csv"))
        .unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
        .unwrap();
    assert_eq!(closes(&all(&provider, "A").await.unwrap()), "01-04 9");
}

#[tokio::test]
async fn an_unchanged_folder_is_not_parsed_again() {
    let scratch = Scratch::new("raw").write("prices/a.csv", "date,A\n2016-01-04,1\n");
    let files = crate::market_data::Files::open(scratch.path()).unwrap();
    let first = files.current().await.unwrap();
    let second = files.current().await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn old_data_never_stands_in_for_a_malformed_file() {
    let scratch = Scratch::new("raw").write("prices/a.csv", "date,A\n2016-01-04,1\n");
    let provider = scratch.open().unwrap();
    all(&provider, "A").await.unwrap();
    scratch.replace("prices/a.csv", "date,A\n2016-01-04,one\n");
    for _ in 0..2 {
        assert!(matches!(
            all(&provider, "A").await,
            Err(Error::Malformed { .. })
        ));
    }
    scratch.replace("prices/a.csv", "date,A\n2016-01-04,1.1\n");
    assert_eq!(closes(&all(&provider, "A").await.unwrap()), "01-04 1.1");
}

#[tokio::test]
async fn the_basis_cannot_change_under_a_process() {
    let scratch = Scratch::new("raw").write("prices/a.csv", "date,A\n2016-01-04,1\n");
    let provider = scratch.open().unwrap();
    scratch.replace("provider.toml", "basis = \"total_return\"\n");
    let error = all(&provider, "A").await.unwrap_err().to_string();
    assert!(
        error.contains("the basis was raw when this process started"),
        "{error}"
    );
    assert!(error.contains("restart the process"), "{error}");
}

#[tokio::test]
async fn a_folder_that_goes_away_may_come_back() {
    let scratch = Scratch::new("raw").write("prices/a.csv", "date,A\n2016-01-04,1\n");
    let provider = scratch.open().unwrap();
    let (here, away) = (scratch.path().join("prices"), scratch.path().join("away"));
    fs::rename(&here, &away).unwrap();
    assert!(all(&provider, "A").await.unwrap_err().is_transient());
    fs::rename(&away, &here).unwrap();
    assert!(all(&provider, "A").await.is_ok());
}

#[tokio::test]
async fn questions_of_many_tasks_share_one_parse() {
    let scratch = Scratch::new("raw").write("prices/a.csv", "date,A\n2016-01-04,1\n");
    let files = Arc::new(crate::market_data::Files::open(scratch.path()).unwrap());
    let ask = |_| {
        let files = Arc::clone(&files);
        tokio::spawn(async move { files.current().await.unwrap() })
    };
    let tasks: Vec<_> = (0..8).map(ask).collect();
    let first = files.current().await.unwrap();
    for task in tasks {
        assert!(Arc::ptr_eq(&first, &task.await.unwrap()));
    }
}
