//! The models on published transactions, by transactions and by frame. The files lie outside the project; without
//! them the tests say that they were skipped.

use std::io::Read;
use std::path::PathBuf;

use freshet_ml::evaluate::{Evaluation, evaluation};
use freshet_ml::frame_text::{self, Selection};

use freshet_lead::ledger_text::{self, Columns};
use freshet_lead::train::{Plan, options, train_on_frame, train_on_transactions};

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn material(path: &str) -> Option<PathBuf> {
    let found = std::env::var_os("FRESHET_MATERIAL").map(|folder| PathBuf::from(folder).join(path)).filter(|path| path.exists());
    if found.is_none() {
        println!("skipped: FRESHET_MATERIAL names no folder with {path}");
    }
    found
}

/// The bars: those of a logistic regression by scikit-learn on the same rows, less what one seed may differ.
#[expect(clippy::print_stdout, reason = "the figures are the test's result")]
fn check(name: &str, evaluation: &Evaluation) {
    let metrics = &evaluation.calibrated;
    println!("{name}: {} {}", evaluation.model, serde_json::to_string(metrics).expect("json"));
    let (auc, pr_auc) = (metrics.auc.expect("both kinds"), metrics.pr_auc.expect("both kinds"));
    assert!(auc >= 0.838, "auc {auc}");
    assert!(pr_auc >= 0.535, "pr auc {pr_auc}");
    assert!(metrics.brier <= 0.0900, "brier {}", metrics.brier);
    assert!(metrics.ece <= 0.03, "ece {}", metrics.ece);
    let [low, high] = metrics.auc_interval.expect("samples");
    assert!(low < auc && auc < high && high - low < 0.03);
    assert_eq!(evaluation.raw.auc, metrics.auc, "calibration moved someone");
}

#[test]
fn cdnow_by_transactions() {
    let Some(path) = material("ml/cdnow/CDNOW_master.txt") else { return };
    let columns = Columns { customer: "1".to_owned(), date: "2".to_owned(), amount: "4".to_owned(), quantity: None };
    let reading = ledger_text::read(|| std::fs::File::open(&path), &columns).expect("transactions");
    assert_eq!((reading.rows, reading.rejected, reading.ledger.customers().len()), (69_659, 0, 23_570));
    let day = |text: &str| text.parse().expect("a date");
    let plan = Plan {
        train: vec![day("1997-07-05"), day("1997-10-03")],
        validation: day("1998-01-01"),
        test: day("1998-04-01"),
        horizon_days: 90,
        as_of: None,
    };
    let trained = train_on_transactions(&reading.ledger, &plan, &options("cdnow", 1)).expect("a model");
    let bgnbd = trained.bgnbd.expect("a fit");
    for (ours, published) in [(bgnbd.r, 0.2720), (bgnbd.alpha, 41.51), (bgnbd.a, 0.4696), (bgnbd.b, 1.9424)] {
        assert!((ours / published - 1.0).abs() < 0.01, "{bgnbd:?}");
    }
    check("cdnow by transactions", &evaluation(&trained.model).expect("test rows"));
}

#[test]
fn cdnow_by_frame() {
    let Some(path) = material("ml/cdnow/frame_90d.csv.gz") else { return };
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).expect("a file")).read_to_end(&mut text).expect("gzip");
    let selection = Selection { ignore: vec!["cid".to_owned()], conditions: Vec::new() };
    let reading = frame_text::read(text.as_slice(), &selection).expect("a frame");
    assert_eq!(reading.text_columns, ["T0"]);
    let model = train_on_frame(&reading.labelled, &options("cdnow", 1)).expect("a model");
    check("cdnow by frame", &evaluation(&model).expect("test rows"));
}
