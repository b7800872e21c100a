//! How far the work is: a bar on a terminal, and else a plain line now and then. All on the standard error.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::complain;

/// How often plain lines come.
const EVERY: Duration = Duration::from_secs(3);

/// Work under way.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    is_plain: bool,
    /// When something was last said, and what trouble there was.
    said: Mutex<Said>,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    trouble: String,
}

impl Progress {
    /// Work of `length` steps.
    pub(crate) fn new(what: &'static str, length: u64) -> Self {
        let style = ProgressStyle::with_template("{prefix:>12} {wide_bar} {human_pos}/{human_len} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(length).with_style(style).with_prefix(what);
        let said = Mutex::new(Said { at: Instant::now(), trouble: String::new() });
        Self { what, bar, is_plain: !std::io::stderr().is_terminal(), said }
    }

    /// Some steps are done.
    pub(crate) fn advance(&self, steps: u64) {
        self.bar.inc(steps);
        self.say();
    }

    /// So many steps of so many are done.
    pub(crate) fn set(&self, position: u64, length: u64) {
        self.bar.set_length(length);
        self.bar.set_position(position);
        self.say();
    }

    /// Something is tried again, and why. The same trouble is said once.
    pub(crate) fn trouble(&self, why: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.trouble != why {
            why.clone_into(&mut said.trouble);
            let text = format!("warning: {why}; trying again until it is acknowledged (Ctrl-C stops)");
            if self.is_plain {
                complain(&text);
            } else {
                self.bar.suspend(|| complain(&text));
            }
        }
    }

    /// Does the work to its end, unless Ctrl-C comes first: then `what_is_left` is said, and nothing is returned.
    pub(crate) async fn unless_interrupted<T>(&self, work: impl Future<Output = Result<T>>, what_is_left: &str) -> Result<Option<T>> {
        let done = tokio::select! {
            done = work => Some(done),
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("wait for Ctrl-C")?;
                None
            }
        };
        self.finish();
        if done.is_none() {
            complain(&format!("interrupted: {what_is_left}"));
        }
        done.transpose()
    }

    /// The work is done.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self) {
        if !self.is_plain {
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.at.elapsed() >= EVERY {
            said.at = Instant::now();
            complain(&format!("{}: {} of {}", self.what, self.bar.position(), self.bar.length().unwrap_or_default()));
        }
    }
}
