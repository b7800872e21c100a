//! A model without learning: a feature that is a probability already is given as it is.
//!
//! It speaks while too few labels have matured. Where there are labels, it is prepared on their rows and judged by them as any
//! other, so that its frozen frame gives it again; on the first day it is prepared on those whom it will speak of.

use crate::calibrate::Calibration;
use crate::choice::Choice;
use crate::choose::{Learned, count, judged};
use crate::digits::keep;
use crate::error::Error;
use crate::feature::Feature;
use crate::frame::{Column, Frame, Labelled};
use crate::model::{Learner, Model};
use crate::options::Options;
use crate::prepare::{self, Bend, Encoding, Prepared, Scale};

/// A model that gives `feature`; `rule` says why none was learned. `rows` are those that it will speak of, of the same
/// columns as `labelled`, which may have no rows at all: the base rate is then the one that the feature foretells.
pub fn given(rows: &Frame, labelled: &Labelled, options: &Options, feature: &str, rule: &str) -> Result<Model, Error> {
    let known_of = |frame: &Frame| match frame.column(feature) {
        Some(Column::Number(values)) => {
            let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            (!known.is_empty()).then(|| (values.clone(), known))
        }
        Some(Column::Category(_)) | None => None,
    };
    let (values, known) = known_of(labelled.frame()).or_else(|| known_of(rows)).ok_or(Error::NoFeatures)?;
    let positives = labelled.labels().iter().filter(|&&label| label).count();
    let base_rate = match labelled.labels().len() {
        0 => known.iter().sum::<f64>() / count(known.len()),
        rows => count(positives) / count(rows),
    };
    let only = Frame::new(vec![(feature.to_owned(), Column::Number(values))])?;
    let features = prepare::fit(&only, &options.catalogue).pop().unwrap_or_else(|| Prepared {
        feature: Feature::find(&options.catalogue, feature),
        encoding: Encoding::Number {
            bend: Bend::Plain,
            typical: keep(known[0]),
            scale: Scale { centre: keep(known[0]), spread: 1.0, mean: 0.0 },
            gap: None,
        },
    });
    let learned = Learned {
        base_rate: keep(base_rate),
        choice: Choice { rule: rule.to_owned(), candidates: Vec::new(), chosen: feature.to_owned(), calibration_gain: None },
        validation: None,
        features: vec![features],
        calibration: Calibration::None,
        learner: Learner::Given { feature: feature.to_owned() },
    };
    judged(labelled, options, learned)
}

#[cfg(test)]
mod tests {
    use super::given;
    use crate::frame::{Column, Frame, Labelled};
    use crate::model::Model;
    use crate::options::Options;
    use crate::split::Part;

    fn frame(values: &[f64]) -> Frame {
        Frame::new(vec![("rate".to_owned(), Column::Number(values.to_vec())), ("other".to_owned(), Column::Number(values.to_vec()))])
            .expect("a frame")
    }

    #[test]
    fn on_the_first_day_it_speaks_without_a_label() {
        for values in [[0.1, 0.3], [0.2, 0.2]] {
            let rows = frame(&values);
            let nothing = Labelled::new(frame(&[]), Vec::new(), Vec::new()).expect("no rows");
            let options = Options { name: "first".to_owned(), kind: "lead".to_owned(), ..Options::default() };
            let model = given(&rows, &nothing, &options, "rate", "nothing has matured").expect("a model");
            assert!((model.base_rate - 0.2).abs() < 1e-12 && model.metrics.test.is_none());
            let read = Model::read(&model.write().expect("text")).expect("a model");
            for (score, value) in read.score(&rows).expect("scores").iter().zip(values) {
                assert!((score.probability - value).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn where_labels_are_known_it_is_judged_by_them() {
        let rows = frame(&[0.1, 0.9, 0.2, 0.8]);
        let labelled = Labelled::new(rows.clone(), vec![false, true, false, true], vec![Part::Test; 4]).expect("labels");
        let model = given(&rows, &labelled, &Options::default(), "rate", "too few").expect("a model");
        assert_eq!(model.metrics.test.expect("test rows").auc, Some(1.0));
        assert!((model.base_rate - 0.5).abs() < 1e-12);
        // Where the probability is missing, the base rate speaks, and the file can be read back.
        let gap = Labelled::new(frame(&[f64::NAN, 0.9]), vec![false, true], vec![Part::Test; 2]).expect("labels");
        let model = given(&rows, &gap, &Options::default(), "rate", "too few").expect("a model");
        let read = Model::read(&model.write().expect("text")).expect("a model");
        let score = read.score(&frame(&[f64::NAN])).expect("scores")[0];
        assert!((score.probability - 0.5).abs() < 1e-9);
        // It is prepared on the rows that judge it, whoever is there now; where nobody has the feature, nothing is given.
        assert_eq!(
            given(&frame(&[f64::NAN]), &labelled, &Options::default(), "rate", "too few").expect("a model").features,
            given(&rows, &labelled, &Options::default(), "rate", "too few").expect("a model").features
        );
        let gaps = Labelled::new(frame(&[f64::NAN]), vec![true], vec![Part::Test]).expect("labels");
        assert!(given(&frame(&[f64::NAN]), &gaps, &Options::default(), "rate", "too few").is_err());
    }
}
