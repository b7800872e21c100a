//! What end-to-end tests share with the tests of a crate.

pub mod texts;
