//! What the models share, from a frame of features to a score with its reasons.
//!
//! [`delimited`] and [`moment`] read what people write into files, [`frame_text`] makes a frame of it.
//! [`snapshot`] and [`split`] decide what a row may see and where it counts, [`frame`] holds it, [`prepare`] makes
//! numbers of it, [`logistic`] and [`boost`] learn, [`choose`] picks by a stated rule, [`calibrate`] makes
//! probabilities, [`metrics`] judges them, [`reasons`] says why, and [`model`] is the file that remains, with its
//! [`frozen`] frame and its [`card`]. [`given`] is for when there is nothing to learn from, and [`gate`] lets a new model in;
//! [`repeat`] learns an old one again.
//!
//! All of it is pure: bytes, dates and seeds come in as arguments, values go out, and the same arguments give the
//! same bytes. There is no clock, no file and no thread here.

pub mod boost;
pub mod calibrate;
pub mod card;
pub mod choice;
pub mod choose;
mod day;
pub mod delimited;
pub mod digits;
pub mod drift;
pub mod error;
pub mod evaluate;
pub mod feature;
pub mod frame;
pub mod frame_text;
pub mod frozen;
pub mod gate;
pub mod given;
pub mod isotonic;
pub mod logistic;
pub mod metrics;
pub mod model;
pub mod moment;
pub mod options;
pub mod plot;
pub mod prepare;
pub mod random;
pub mod reasons;
pub mod repeat;
pub mod snapshot;
pub mod split;

#[cfg(test)]
mod golden;
