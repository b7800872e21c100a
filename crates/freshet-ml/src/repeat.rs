//! Training repeated: what a model was learned from, learned again, is the same model file to the byte.
//!
//! The frame decides all but where it came from (days, versions of tables) and the numbers of the model's own kind (BG/NBD, shares),
//! which are of those who were there on the day of the training; both are taken over from the file. Once an erasure has taken
//! rows out of the frame the file is another, and says itself how many are gone.

use crate::choose;
use crate::error::Error;
use crate::frame::Labelled;
use crate::given::given;
use crate::model::{Learner, Model, Training};
use crate::options::Options;

/// Learns a model again from the frame that lies frozen beside it; `options` are those of its kind. The rows of a model that
/// was given on the first day, when no label was known, are nowhere: that is [`Error::NoFeatures`].
pub fn repeat(model: &Model, frozen: &Labelled, options: &Options) -> Result<Model, Error> {
    let options = Options { name: model.name.clone(), kind: model.kind.clone(), seed: model.training.seed, ..options.clone() };
    let mut again = match &model.learner {
        Learner::Given { feature } => given(frozen.frame(), frozen, &options, feature, &model.choice.rule)?,
        Learner::Logistic(_) | Learner::Boosted(_) => choose::train(frozen, &options)?,
    };
    let (frame_sha256, frame_rows) = (again.training.frame_sha256, again.training.frame_rows);
    again.training = Training { frame_sha256, frame_rows, ..model.training.clone() };
    again.parameters.clone_from(&model.parameters);
    Ok(again)
}

#[cfg(test)]
mod tests {
    use super::repeat;
    use crate::choose;
    use crate::frame::{Column, Frame, Labelled};
    use crate::frozen::{self, Origin};
    use crate::given::given;
    use crate::options::Options;
    use crate::random::Draws;
    use crate::split::Part;

    const ROWS: usize = 900;

    /// Three looks at three hundred people.
    fn frame() -> (Labelled, Vec<Origin>) {
        let mut draws = Draws::new(5);
        let values: Vec<f64> = (0..ROWS).map(|_| draws.share()).collect();
        let labels: Vec<bool> = values.iter().map(|value| draws.share() < *value).collect();
        let kinds = (0..ROWS).map(|row| (row % 3 > 0).then(|| format!("kind {}", row % 3))).collect();
        let columns = vec![("share".to_owned(), Column::Number(values)), ("kind".to_owned(), Column::Category(kinds))];
        let parts = (0..ROWS).map(|row| [Part::Train, Part::Validation, Part::Test][row * 3 / ROWS]).collect();
        let origins: Vec<Origin> = (0..ROWS)
            .map(|row| Origin { person: format!("p{}", row % 300), cut_off: format!("2026-0{}-01", 1 + row * 3 / ROWS) })
            .collect();
        let frame = Labelled::new(Frame::new(columns).expect("a frame"), labels, parts).expect("labels");
        (frame.of_people(origins.iter().map(|origin| &origin.person)).expect("people"), origins)
    }

    #[test]
    fn what_was_frozen_gives_the_same_file_until_rows_are_taken_out() {
        let (labelled, origins) = frame();
        let options = Options { name: "lead-1".to_owned(), kind: "lead".to_owned(), seed: 7, resamples: 20, ..Options::default() };
        let mut learned = choose::train(&labelled, &options).expect("a model");
        learned.training.horizon_days = Some(30);
        learned.parameters.insert("bgnbd_r".to_owned(), 0.25);
        let given = given(labelled.frame(), &labelled, &options, "share", "too few").expect("a model");
        let text = frozen::write(&labelled, &origins).expect("text");
        let others = Options { name: "another".to_owned(), kind: "another".to_owned(), seed: 8, ..options };
        for model in [learned, given] {
            let (frozen, _) = frozen::read(text.as_slice()).expect("a frame");
            let again = repeat(&model, &frozen, &others).expect("a model");
            assert_eq!(again.write().expect("text"), model.write().expect("text"), "{}", model.choice.chosen);
            let lines: Vec<&str> = std::str::from_utf8(&text).expect("text").lines().collect();
            let (less, _) = frozen::read(lines[..lines.len() - 40].join("\n").as_bytes()).expect("a frame");
            assert_ne!(repeat(&model, &less, &others).expect("a model").training.frame_sha256, model.training.frame_sha256);
        }
    }
}
