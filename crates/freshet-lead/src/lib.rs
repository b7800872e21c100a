//! How likely each customer or lead is to buy within so many days.
//!
//! [`ledger`] holds who bought what on which day, [`features`] looks at it up to a cut-off, [`bgnbd`] foretells
//! without labels, [`train`] learns where there are labels enough, and [`score`] gives each customer a probability,
//! a decile and three reasons. [`catalogue`] says what each feature means, those of the lake's queries too.
//!
//! From the lake, [`lake`] takes the rows of `queries/lead/`, [`lessons`] learns from looks at the past, and [`shares`] with
//! [`returns`] is the cold start of those who have not ordered. What a cold start goes by, [`plainly`] says as reasons.
//!
//! Customers who have ordered and prospects who have not are two models, never one. Nobody is ranked by the
//! probability of being "alive": who has bought once always has 1.
//!
//! All of it is pure: no clock, no file, no network; dates and seeds are arguments.

pub mod bgnbd;
pub mod catalogue;
pub mod error;
pub mod features;
pub mod lake;
pub mod ledger;
pub mod ledger_text;
pub mod lessons;
pub mod plainly;
pub mod returns;
pub mod score;
pub mod shares;
pub mod train;

#[cfg(test)]
mod simulation;
