//! Our figures beside scikit-learn's, on small data of our own (`golden/scikit_learn.json` says which release).

use ndarray::Array2;
use serde::Deserialize;

use crate::calibrate::{Calibration, platt};
use crate::{isotonic, logistic, metrics};

#[derive(Deserialize)]
struct Golden {
    labels: Vec<u8>,
    scores: Vec<f64>,
    roc_auc: f64,
    pr_auc: f64,
    brier: f64,
    log_loss: f64,
    ece: f64,
    precision_at_1pct: f64,
    precision_at_10pct: f64,
    isotonic_at_scores: Vec<f64>,
    sigmoid_inputs: Vec<f64>,
    sigmoid_outputs: Vec<f64>,
    logistic: Regression,
    logistic_inverted: Weights,
}

#[derive(Deserialize)]
struct Regression {
    rows: Vec<[f64; 3]>,
    labels: Vec<u8>,
    coefficients: Vec<f64>,
    intercept: f64,
}

#[derive(Deserialize)]
struct Weights {
    coefficients: Vec<f64>,
    intercept: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/scikit_learn.json")).expect("golden data")
}

fn truths(labels: &[u8]) -> Vec<bool> {
    labels.iter().map(|&label| label == 1).collect()
}

fn check(name: &str, ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance, "{name}: {ours} here, {theirs} there");
}

#[test]
fn metrics_are_scikit_learns() {
    let golden = golden();
    let metrics = metrics::measure(&truths(&golden.labels), &golden.scores);
    check("roc auc", metrics.auc.expect("both kinds"), golden.roc_auc, 1e-12);
    check("pr auc", metrics.pr_auc.expect("both kinds"), golden.pr_auc, 1e-12);
    check("brier", metrics.brier, golden.brier, 1e-12);
    check("log-loss", metrics.log_loss, golden.log_loss, 1e-12);
    check("ece", metrics.ece, golden.ece, 1e-12);
    check("precision at 1 %", metrics.precision_at_1pct, golden.precision_at_1pct, 1e-12);
    check("precision at 10 %", metrics.precision_at_10pct, golden.precision_at_10pct, 1e-12);
}

#[test]
fn isotonic_steps_are_scikit_learns() {
    let golden = golden();
    let steps = isotonic::fit(&golden.scores, &truths(&golden.labels)).expect("rows");
    for (&score, &theirs) in golden.scores.iter().zip(&golden.isotonic_at_scores) {
        check("isotonic", steps.apply(score), theirs, 1e-9);
    }
}

#[test]
fn platt_scaling_is_scikit_learns() {
    let golden = golden();
    let scaled = platt(&golden.sigmoid_inputs, &truths(&golden.labels));
    assert!(matches!(scaled, Calibration::Platt { .. }));
    for (&input, &theirs) in golden.sigmoid_inputs.iter().zip(&golden.sigmoid_outputs) {
        check("platt", scaled.apply(input), theirs, 1e-5);
    }
}

#[test]
fn logistic_regression_is_scikit_learns_whichever_class_is_rare() {
    let golden = golden();
    let rows = Array2::from_shape_fn((golden.logistic.rows.len(), 3), |(row, column)| golden.logistic.rows[row][column]);
    let labels = truths(&golden.logistic.labels);
    let inverted: Vec<bool> = labels.iter().map(|label| !label).collect();
    assert!(labels.iter().filter(|&&label| label).count() * 2 < labels.len(), "the label is the rare class");
    for (labels, coefficients, intercept) in [
        (labels, golden.logistic.coefficients, golden.logistic.intercept),
        (inverted, golden.logistic_inverted.coefficients, golden.logistic_inverted.intercept),
    ] {
        let fitted = logistic::fit(rows.clone(), &labels, 1.0).expect("a fit");
        check("intercept", fitted.intercept, intercept, 1e-4);
        for (ours, theirs) in fitted.weights.iter().zip(&coefficients) {
            check("weight", *ours, *theirs, 1e-4);
        }
    }
}
