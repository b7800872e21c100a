//! Courses of events, played without network and without waiting.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{pending, ready};

use futures::executor::block_on;

use super::*;

/// What a call answers in a play.
#[derive(Clone, Copy)]
enum Reply {
    Throttled,
    Fails,
    OverLimit,
    Running,
    Done,
    Never,
}

use Reply::{Done, Fails, Never, OverLimit, Running, Throttled};

/// A play: the replies of each call, and the pause after which the caller has had enough.
struct Play {
    start: &'static [Reply],
    poll: &'static [Reply],
    stop: &'static [Reply],
    halts_in_pause: Option<usize>,
}

/// What came of it.
struct Outcome {
    result: Result<&'static str, Error>,
    pauses: Vec<u64>,
    stopped: Vec<String>,
    starts: usize,
}

fn error() -> Error {
    Error::Malformed { operation: "Test", message: "of a test".to_owned() }
}

fn play(play: &Play) -> Outcome {
    let script = |replies: &[Reply]| RefCell::new(replies.iter().copied().collect::<VecDeque<Reply>>());
    let (start, poll, stop) = (script(play.start), script(play.poll), script(play.stop));
    let next = |replies: &RefCell<VecDeque<Reply>>| replies.borrow_mut().pop_front().expect("the play has a reply");
    let (pauses, stopped, starts) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()), Cell::new(0));
    let halted = Cell::new(false);
    let answer = async |reply: Reply| match reply {
        Throttled => Err(Failure::Throttled(error())),
        Fails => Err(Failure::Final(error())),
        OverLimit => Err(Failure::Final(Error::OverLimit { execution: Some("e-1".to_owned()), read: 2, limit: 1 })),
        Running => Ok(None),
        Done => Ok(Some("done")),
        Never => pending().await,
    };
    let calls = Calls {
        start: || {
            starts.set(starts.get() + 1);
            let reply = next(&start);
            async move { answer(reply).await.map(|_| "e-1".to_owned()) }
        },
        poll: |execution: String| {
            assert_eq!(execution, "e-1");
            answer(next(&poll))
        },
        stop: |execution: String| {
            stopped.borrow_mut().push(execution);
            let reply = next(&stop);
            async move { answer(reply).await.map(|_| ()) }
        },
        pause: |pause: Duration| {
            pauses.borrow_mut().push(u64::try_from(pause.as_millis()).unwrap());
            let count = pauses.borrow().len();
            let halts = play.halts_in_pause == Some(count);
            if halts {
                halted.set(true);
            }
            async move {
                if halts {
                    pending::<()>().await;
                }
            }
        },
    };
    let mut halt = pin!(std::future::poll_fn(|_| {
        let immediately = play.halts_in_pause == Some(0) && starts.get() > 0;
        if halted.get() || immediately { std::task::Poll::Ready(Halt::TimedOut(9)) } else { std::task::Poll::Pending }
    }));
    let result = block_on(supervise(&calls, halt.as_mut()));
    Outcome { result, pauses: pauses.take(), stopped: stopped.take(), starts: starts.get() }
}

#[test]
fn a_quick_answer_needs_no_pause() {
    let outcome = play(&Play { start: &[Done], poll: &[Done], stop: &[], halts_in_pause: None });
    assert_eq!(outcome.result.unwrap(), "done");
    assert!(outcome.pauses.is_empty());
}

#[test]
fn pauses_between_questions_double_up_to_a_second() {
    let poll = &[Running, Running, Running, Running, Running, Running, Running, Running, Running, Done];
    let outcome = play(&Play { start: &[Done], poll, stop: &[], halts_in_pause: None });
    assert_eq!(outcome.result.unwrap(), "done");
    assert_eq!(outcome.pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
}

#[test]
fn calls_that_met_too_many_others_are_made_again() {
    let outcome =
        play(&Play { start: &[Throttled, Throttled, Done], poll: &[Throttled, Running, Throttled, Done], stop: &[], halts_in_pause: None });
    assert_eq!(outcome.result.unwrap(), "done");
    assert_eq!((outcome.pauses, outcome.starts), (vec![200, 400, 200, 10, 200], 3));
}

#[test]
fn a_service_that_stays_busy_is_an_error_in_the_end() {
    let outcome = play(&Play { start: &[Throttled; 11], poll: &[], stop: &[], halts_in_pause: None });
    assert!(matches!(outcome.result, Err(Error::Malformed { .. })));
    assert_eq!(outcome.pauses, [200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000]);
}

#[test]
fn a_start_or_an_execution_that_fails_is_an_error_at_once() {
    for (start, poll) in [(&[Fails][..], &[][..]), (&[Done], &[Running, Fails])] {
        let outcome = play(&Play { start, poll, stop: &[], halts_in_pause: None });
        assert!(matches!(outcome.result, Err(Error::Malformed { .. })));
        assert!(outcome.stopped.is_empty());
    }
}

#[test]
fn an_execution_that_nobody_waits_for_is_stopped() {
    for (stop, pauses) in [(&[Done][..], vec![10, 20, 3000]), (&[Throttled, Done], vec![10, 20, 200, 3000])] {
        let outcome = play(&Play { start: &[Done], poll: &[Running, Running], stop, halts_in_pause: Some(2) });
        let Err(Error::TimedOut { execution, seconds: 9 }) = outcome.result else { panic!("not timed out") };
        assert_eq!(execution.as_deref(), Some("e-1"));
        assert_eq!(outcome.stopped.len(), stop.len());
        assert!(pauses.iter().all(|pause| outcome.pauses.contains(pause)), "{:?}", outcome.pauses);
    }
}

#[test]
fn an_execution_that_reads_too_much_is_stopped() {
    for stop in [&[Done][..], &[Throttled, Done], &[Fails]] {
        let outcome = play(&Play { start: &[Done], poll: &[Running, OverLimit], stop, halts_in_pause: None });
        assert!(matches!(outcome.result, Err(Error::OverLimit { read: 2, limit: 1, .. })));
        assert_eq!(outcome.stopped.len(), stop.len());
    }
}

#[test]
fn a_stop_that_fails_or_is_not_answered_does_not_hide_the_reason() {
    for stop in [&[Fails][..], &[Never]] {
        let outcome = play(&Play { start: &[Done], poll: &[Running], stop, halts_in_pause: Some(1) });
        assert!(matches!(outcome.result, Err(Error::TimedOut { execution: Some(_), .. })));
    }
}

#[test]
fn an_execution_whose_start_is_answered_late_is_stopped_too() {
    let outcome = play(&Play { start: &[Throttled, Done], poll: &[], stop: &[Done], halts_in_pause: Some(1) });
    // The pause of the play never ends, so the late start is the grace period's end.
    assert!(matches!(outcome.result, Err(Error::TimedOut { execution: None, .. })));
    let mut halt = pin!(ready(Halt::Cancelled));
    let (late, stopped) = (Cell::new(true), RefCell::new(Vec::new()));
    let calls = Calls {
        start: || {
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                if late.replace(false) { std::task::Poll::Pending } else { std::task::Poll::Ready(Ok("e-2".to_owned())) }
            })
        },
        poll: |_| pending::<Result<Option<()>, Failure>>(),
        stop: |execution: String| {
            stopped.borrow_mut().push(execution);
            ready(Ok(()))
        },
        pause: |_| pending::<()>(),
    };
    let result = block_on(supervise(&calls, halt.as_mut()));
    assert!(matches!(result, Err(Error::Cancelled { execution: Some(execution) }) if execution == "e-2"));
    assert_eq!(stopped.take(), ["e-2"]);
}
