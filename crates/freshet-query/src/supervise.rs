//! Starts an execution, asks until it is done, and stops it when nobody waits any more.
//!
//! It knows no client: the calls and the pauses are closures, so that every course of events is a test without
//! network and without waiting. What makes it safe to repeat: a start carries a token of its own, so that the same
//! start twice is one execution; asking and stopping change nothing the second time.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::future::{Either, select};
use tracing::{debug, warn};

use crate::Error;

/// The first pause between two questions: a local answer is there at once.
const POLL_FIRST: Duration = Duration::from_millis(10);
/// The longest pause between two questions.
const POLL_LONGEST: Duration = Duration::from_secs(1);
/// The first pause after Athena said that there were too many calls.
const THROTTLED_FIRST: Duration = Duration::from_millis(200);
/// The longest pause after Athena said that there were too many calls.
const THROTTLED_LONGEST: Duration = Duration::from_secs(5);
/// How often a call that met too many others is made again.
const THROTTLED_RETRIES: u32 = 10;
/// How long a start that is under way may still take after nobody waits for it, to learn which execution to stop.
const GRACE: Duration = Duration::from_secs(3);

/// The calls of one execution, and how to pause.
pub(crate) struct Calls<Start, Poll, Stop, Pause> {
    /// Starts the execution and gives its id; the same execution when it is called again.
    pub(crate) start: Start,
    /// Asks for an execution; nothing while it is under way.
    pub(crate) poll: Poll,
    /// Stops an execution.
    pub(crate) stop: Stop,
    /// Waits.
    pub(crate) pause: Pause,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Too many calls: made again after a pause.
    Throttled(Error),
    /// Anything else.
    Final(Error),
}

/// Why nobody waits any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The time is over; it was so many seconds.
    TimedOut(u64),
    /// The caller cancelled.
    Cancelled,
}

impl Halt {
    /// What the caller hears.
    pub(crate) fn into_error(self, execution: Option<String>) -> Error {
        match self {
            Self::TimedOut(seconds) => Error::TimedOut { execution, seconds },
            Self::Cancelled => Error::Cancelled { execution },
        }
    }
}

/// Runs an execution to its end, or stops it when `halt` is done first.
pub(crate) async fn supervise<T, Start, Poll, Stop, Pause, StartAnswer, PollAnswer, StopAnswer, Paused>(
    calls: &Calls<Start, Poll, Stop, Pause>,
    mut halt: Pin<&mut impl Future<Output = Halt>>,
) -> Result<T, Error>
where
    Start: Fn() -> StartAnswer,
    StartAnswer: Future<Output = Result<String, Failure>>,
    Poll: Fn(String) -> PollAnswer,
    PollAnswer: Future<Output = Result<Option<T>, Failure>>,
    Stop: Fn(String) -> StopAnswer,
    StopAnswer: Future<Output = Result<(), Failure>>,
    Pause: Fn(Duration) -> Paused,
    Paused: Future<Output = ()>,
{
    let mut starting = pin!(retried(&calls.start, &calls.pause));
    let execution = match select(starting.as_mut(), halt.as_mut()).await {
        Either::Left((answer, _)) => answer?,
        Either::Right((reason, _)) => {
            // The execution may be under way although its start was not answered: ask a little longer, to stop it.
            let grace = pin!((calls.pause)(GRACE));
            let Either::Left((Ok(execution), _)) = select(starting, grace).await else {
                return Err(reason.into_error(None));
            };
            stop(calls, &execution).await;
            return Err(reason.into_error(Some(execution)));
        }
    };
    let watching = pin!(watch(calls, &execution));
    match select(watching, halt).await {
        Either::Left((Err(error @ Error::OverLimit { .. }), _)) => {
            stop(calls, &execution).await;
            Err(error)
        }
        Either::Left((answer, _)) => answer,
        Either::Right((reason, _)) => {
            stop(calls, &execution).await;
            Err(reason.into_error(Some(execution.clone())))
        }
    }
}

async fn watch<T, Start, Poll, Stop, Pause, PollAnswer, Paused>(
    calls: &Calls<Start, Poll, Stop, Pause>,
    execution: &str,
) -> Result<T, Error>
where
    Poll: Fn(String) -> PollAnswer,
    PollAnswer: Future<Output = Result<Option<T>, Failure>>,
    Pause: Fn(Duration) -> Paused,
    Paused: Future<Output = ()>,
{
    let mut wait = POLL_FIRST;
    loop {
        if let Some(done) = retried(&|| (calls.poll)(execution.to_owned()), &calls.pause).await? {
            return Ok(done);
        }
        (calls.pause)(wait).await;
        wait = (wait * 2).min(POLL_LONGEST);
    }
}

/// Stops an execution; a stop that fails is said and costs no more than the execution's own end.
async fn stop<Start, Poll, Stop, Pause, StopAnswer, Paused>(calls: &Calls<Start, Poll, Stop, Pause>, execution: &str)
where
    Stop: Fn(String) -> StopAnswer,
    StopAnswer: Future<Output = Result<(), Failure>>,
    Pause: Fn(Duration) -> Paused,
    Paused: Future<Output = ()>,
{
    let call = || (calls.stop)(execution.to_owned());
    let stopping = pin!(retried(&call, &calls.pause));
    let grace = pin!((calls.pause)(GRACE));
    match select(stopping, grace).await {
        Either::Left((Ok(()), _)) => debug!(execution, "stopped execution"),
        Either::Left((Err(error), _)) => warn!(execution, %error, "could not stop execution"),
        Either::Right(_) => warn!(execution, "stop of execution was not answered"),
    }
}

/// Calls until there is an answer other than that there were too many calls.
pub(crate) async fn retried<T, Call, Answer, Pause, Paused>(call: &Call, pause: &Pause) -> Result<T, Error>
where
    Call: Fn() -> Answer,
    Answer: Future<Output = Result<T, Failure>>,
    Pause: Fn(Duration) -> Paused,
    Paused: Future<Output = ()>,
{
    let mut wait = THROTTLED_FIRST;
    let mut retries = 0;
    loop {
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(Failure::Throttled(_)) if retries < THROTTLED_RETRIES => {
                retries += 1;
                debug!(retries, "athena is busy");
                pause(wait).await;
                wait = (wait * 2).min(THROTTLED_LONGEST);
            }
            Err(Failure::Throttled(error) | Failure::Final(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
