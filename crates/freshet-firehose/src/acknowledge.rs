//! One call's worth of records, sent until each is acknowledged or the time is up.

use std::future::Future;

use bytes::Bytes;

use crate::backoff::Attempts;
use crate::failure::Failure;

/// What a call that was answered says of each record, in order: nothing when it was taken, else the error code.
pub(crate) type Verdicts = Vec<Option<String>>;

/// What became of the records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The places of the records that were not acknowledged, rising.
    pub(crate) left: Vec<usize>,
    /// Why the last attempt did not take them; empty when all were taken.
    pub(crate) reason: String,
    /// How many times a record was sent without a clear answer: each may have been taken all the same.
    pub(crate) unclear: usize,
}

/// Sends records with `send` until each is acknowledged, repeating only those that are not.
///
/// `send` is one call and is given up when it takes longer than its attempt may. A record is acknowledged when an answer says
/// so and never otherwise: an answer with too few verdicts leaves the rest unacknowledged.
pub(crate) async fn acknowledge<F>(records: &[Bytes], mut attempts: Attempts, send: impl Fn(Vec<Bytes>) -> F) -> Outcome
where
    F: Future<Output = Result<Verdicts, Failure>>,
{
    let mut left: Vec<usize> = (0..records.len()).collect();
    let mut reason = "no time left".to_owned();
    let mut unclear = 0;
    while let Some(time) = attempts.time_for_one() {
        let batch = left.iter().map(|index| records[*index].clone()).collect();
        match tokio::time::timeout(time, send(batch)).await {
            Ok(Ok(verdicts)) => {
                let mut verdicts = verdicts.into_iter();
                left.retain(|_| match verdicts.next() {
                    Some(None) => false,
                    Some(Some(code)) => {
                        reason = code;
                        true
                    }
                    None => {
                        "no verdict".clone_into(&mut reason);
                        true
                    }
                });
            }
            Ok(Err(Failure::Lasting(lasting))) => {
                return Outcome { left, reason: lasting, unclear };
            }
            Ok(Err(Failure::Passing(passing))) => {
                unclear += left.len();
                reason = passing;
            }
            Err(_elapsed) => {
                unclear += left.len();
                "timed out".clone_into(&mut reason);
            }
        }
        if left.is_empty() {
            return Outcome { left, reason: String::new(), unclear };
        }
        if !attempts.wait().await {
            break;
        }
    }
    Outcome { left, reason, unclear }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    /// Runs `acknowledge` on the records `0`, `1`, … against scripted answers; the last one repeats. Also gives each call's records.
    async fn check(count: usize, deadline: Duration, answers: &[Result<Verdicts, Failure>]) -> (Outcome, Vec<Vec<String>>) {
        let records: Vec<Bytes> = (0..count).map(|index| Bytes::from(index.to_string())).collect();
        let calls = RefCell::new(Vec::new());
        let attempts = Attempts::new(Instant::now() + deadline, deadline);
        let outcome = acknowledge(&records, attempts, |batch| {
            let answer = answers[calls.borrow().len().min(answers.len() - 1)].clone();
            let texts = batch.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
            calls.borrow_mut().push(texts);
            async move { answer }
        })
        .await;
        (outcome, calls.into_inner())
    }

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(120);

    #[expect(clippy::unnecessary_wraps, reason = "what Firehose says of one record")]
    fn refused() -> Option<String> {
        Some("ServiceUnavailableException".to_owned())
    }

    #[tokio::test]
    async fn only_the_refused_records_are_sent_again() {
        let answers = [Ok(vec![None, refused(), None, refused()]), Ok(vec![None, refused()]), Ok(vec![None])];
        let (outcome, calls) = check(4, LONG, &answers).await;
        assert_eq!(outcome, Outcome { left: vec![], reason: String::new(), unclear: 0 });
        assert_eq!(calls, [vec!["0", "1", "2", "3"], vec!["1", "3"], vec!["3"]]);
    }

    #[tokio::test]
    async fn a_passing_failure_sends_all_again() {
        let answers = [Err(Failure::Passing("timed out".to_owned())), Ok(vec![None, None])];
        let (outcome, calls) = check(2, LONG, &answers).await;
        assert!(outcome.left.is_empty());
        assert_eq!(calls.len(), 2);
    }

    #[tokio::test]
    async fn a_lasting_failure_is_not_repeated() {
        let answers = [Ok(vec![None, refused()]), Err(Failure::Lasting("AccessDenied".to_owned()))];
        let (outcome, calls) = check(2, LONG, &answers).await;
        assert_eq!(outcome, Outcome { left: vec![1], reason: "AccessDenied".to_owned(), unclear: 0 });
        assert_eq!(calls.len(), 2);
    }

    #[tokio::test]
    async fn what_is_never_taken_is_left_when_the_time_is_up() {
        let started = Instant::now();
        let (outcome, calls) = check(3, SHORT, &[Ok(vec![refused(), None, refused()]), Ok(vec![refused(), refused()])]).await;
        assert_eq!(outcome.left, [0, 2]);
        assert_eq!(outcome.reason, "ServiceUnavailableException");
        assert!(calls.len() >= 2 && started.elapsed() < SHORT * 10);
    }

    #[tokio::test]
    async fn an_answer_with_too_few_verdicts_acknowledges_no_more_than_it_says() {
        let (outcome, _) = check(3, SHORT, &[Ok(vec![None]), Ok(vec![])]).await;
        assert_eq!(outcome, Outcome { left: vec![1, 2], reason: "no verdict".to_owned(), unclear: 0 });
    }

    #[tokio::test]
    async fn a_call_that_hangs_is_given_up() {
        let attempts = Attempts::new(Instant::now() + SHORT, SHORT / 3);
        let calls = RefCell::new(0);
        let outcome = acknowledge(&[Bytes::from_static(b"x")], attempts, |_| {
            *calls.borrow_mut() += 1;
            std::future::pending()
        })
        .await;
        assert_eq!(outcome, Outcome { left: vec![0], reason: "timed out".to_owned(), unclear: *calls.borrow() });
        assert!(calls.into_inner() >= 1);
    }
}
