//! What a model file keeps and what it refuses.

use super::{Model, VERSION};
use crate::choose::train;
use crate::evaluate::evaluation;
use crate::frame::{Column, Frame, Labelled};
use crate::metrics::ranking;
use crate::options::Options;
use crate::random::Draws;
use crate::split::Part;

/// Rows in which the label follows a line, or a product that no line can tell; with gaps, kinds and a constant.
fn rows(straight: bool, rows: usize) -> Labelled {
    let mut draws = Draws::new(17);
    let (mut a, mut b, mut kind, mut labels, mut parts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let (x, y) = (draws.normal(), draws.normal());
        let web = draws.share() < 0.4;
        let answer = if straight { 1.4 * x - 0.8 * y } else { 2.0 * (x * y).signum() } + if web { 0.8 } else { 0.0 } - 1.5;
        labels.push(draws.share() < crate::calibrate::probability(answer));
        a.push(if draws.share() < 0.05 { f64::NAN } else { x });
        b.push(y);
        kind.push(Some(if web { "web".to_owned() } else { "shop".to_owned() }));
        parts.push([Part::Train, Part::Train, Part::Validation, Part::Test][row * 4 / rows]);
    }
    let columns = [
        ("a", Column::Number(a)),
        ("b", Column::Number(b)),
        ("kind", Column::Category(kind)),
        ("constant", Column::Number(vec![3.0; rows])),
    ];
    let frame = Frame::new(columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect()).expect("a frame");
    Labelled::new(frame, labels, parts).expect("labels")
}

fn options() -> Options {
    Options { name: "lead-test".to_owned(), kind: "lead".to_owned(), seed: 3, resamples: 20, ..Options::default() }
}

fn model(straight: bool) -> (Labelled, Model) {
    let labelled = rows(straight, 8_000);
    let model = train(&labelled, &options()).expect("a model");
    (labelled, model)
}

#[test]
fn training_twice_gives_the_same_bytes_and_reading_gives_the_same_model() {
    for straight in [true, false] {
        let (labelled, model) = model(straight);
        let text = model.write().expect("text");
        assert_eq!(train(&labelled, &options()).expect("a model").write().expect("text"), text);
        let back = Model::read(&text).expect("a model");
        assert_eq!(back, model);
        assert_eq!(back.write().expect("text"), text);
        assert_eq!(back.score(labelled.frame()).expect("scores"), model.score(labelled.frame()).expect("scores"));
    }
}

#[test]
fn the_simple_learner_stays_unless_the_strong_one_clearly_wins() {
    let (_, straight) = model(true);
    assert_eq!(straight.learner.name(), "logistic");
    let (_, bent) = model(false);
    assert_eq!(bent.learner.name(), "boosted");
    let auc = |model: &Model| evaluation(model).expect("test rows").calibrated.auc.expect("both kinds");
    assert!(auc(&straight) > 0.75 && auc(&bent) > 0.75, "{} {}", auc(&straight), auc(&bent));
}

#[test]
fn calibration_leaves_the_order_of_scores() {
    for straight in [true, false] {
        let (labelled, model) = model(straight);
        let scores = model.score(labelled.frame()).expect("scores");
        let raw: Vec<f64> = scores.iter().map(|score| score.log_odds).collect();
        let calibrated: Vec<f64> = scores.iter().map(|score| score.probability).collect();
        assert_eq!(ranking(&raw), ranking(&calibrated));
        let evaluation = evaluation(&model).expect("test rows");
        assert_eq!(evaluation.raw.auc, evaluation.calibrated.auc);
    }
}

#[test]
fn a_file_of_another_version_is_refused_by_name() {
    let text = model(true).1.write().expect("text");
    let newer = text.replacen(&format!("\"version\": {VERSION}"), "\"version\": 7", 1).replacen("\"features\"", "\"unheard_of\"", 1);
    assert_eq!(
        Model::read(&newer).expect_err("refused").to_string(),
        "read model lead-test: it is of version 7, this code reads version 1"
    );
    assert!(Model::read(&text.replacen("freshet-model", "other-model", 1)).expect_err("refused").to_string().contains("other-model"));
    assert!(Model::read("{}").is_err());
    assert!(Model::read(&text.replacen("\"weights\": [", "\"weights\": [1.0,", 1)).expect_err("refused").to_string().contains("weights"));
}

#[test]
fn input_that_does_not_fit_is_refused_by_feature() {
    let (labelled, model) = model(true);
    let refused = |frame: Frame| model.score(&frame).expect_err("refused").to_string();
    let frame = labelled.frame();
    assert!(refused(frame.without(&["b"])).contains("lacks feature b"));
    let renamed: Vec<_> = frame.columns().iter().map(|(name, column)| (name.replace("kind", "other"), column.clone())).collect();
    assert!(refused(Frame::new(renamed).expect("a frame")).contains("feature other"));
    let retyped: Vec<_> = frame
        .columns()
        .iter()
        .map(|(name, column)| (name.clone(), if name == "kind" { Column::Number(vec![1.0; column.len()]) } else { column.clone() }))
        .collect();
    assert!(refused(Frame::new(retyped).expect("a frame")).contains("kind is not a category"));
    assert_eq!(model.silent_features.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>(), ["constant"]);
    assert!(model.score(&frame.without(&["constant"])).is_ok(), "what said nothing may be missing");
    assert!(model.expect_kind("smurf").is_err());
}

#[test]
fn reasons_point_the_way_that_the_value_moves_the_score() {
    let (labelled, model) = model(true);
    let frame = labelled.frame();
    let bound = model.bind(frame).expect("it fits");
    let Some(Column::Number(values)) = frame.column("a") else { panic!("a number") };
    let mut inputs = Vec::new();
    let mut told = 0;
    for row in (0..300).filter(|&row| values[row].abs() > 1.0) {
        let reasons = bound.reasons(row, &mut inputs, usize::MAX);
        let reason = reasons.iter().find(|reason| reason.group == "a").expect("a reason");
        assert_eq!(reason.raises(), values[row] > 0.0, "{}", reason.sentence());
        told += 1;
    }
    assert!(told > 50);
}

#[test]
fn too_few_labels_are_said() {
    let labelled = rows(true, 100);
    assert!(train(&labelled, &options()).expect_err("refused").to_string().contains("positive"));
}

#[test]
fn an_erasure_is_said_by_the_file() {
    let (_, mut model) = model(true);
    let left = model.training.frame_rows - 3;
    assert!(model.note_erasure(left) && !model.note_erasure(left), "it is news once");
    assert_eq!(Model::read(&model.write().expect("text")).expect("a model").training.erased_rows, 3);
}
