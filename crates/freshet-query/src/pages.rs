//! The result of an execution as Athena's text, page by page.

use aws_sdk_athena::Client;
use futures::stream::{Stream, try_unfold};

use crate::client::failure;
use crate::supervise::retried;
use crate::{Error, Execution, Page};

/// Rows that Athena gives in one page at most.
const PAGE_ROWS: i32 = 1000;

/// The result of an execution, page by page: no more than one is in memory.
pub fn pages<'a>(client: &'a Client, execution: &'a Execution) -> impl Stream<Item = Result<Page, Error>> + 'a {
    try_unfold(Next::First, move |next| async move {
        let (token, is_first) = match next {
            Next::First => (None, true),
            Next::Token(token) => (Some(token), false),
            Next::End => return Ok(None),
        };
        let output = retried(
            &|| {
                let request = client.get_query_results().query_execution_id(&execution.id);
                let call = request.max_results(PAGE_ROWS).set_next_token(token.clone()).send();
                async { call.await.map_err(|error| failure("GetQueryResults", error)) }
            },
            &tokio::time::sleep,
        )
        .await?;
        let page = Page::read(&output, is_first && execution.may_have_header)?;
        Ok(Some((page, output.next_token.map_or(Next::End, Next::Token))))
    })
}

/// The page to read next.
enum Next {
    First,
    Token(String),
    End,
}
