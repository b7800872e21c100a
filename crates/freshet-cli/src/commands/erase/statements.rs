//! What an erasure does to the stream's buffer and to Athena: texts of queries that ran, and saved ones.

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{QueryExecution, QueryExecutionState};
use freshet_table::Names;
use serde_json::json;

/// How many executions one call names.
const BATCH: usize = 50;

/// What was found among statements.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Texts that were erased, or would be.
    pub(super) erased: u64,
    /// Texts that AWS keeps.
    pub(super) kept: u64,
}

/// Where the loopback is, if this is one.
async fn loopback(aws: &SdkConfig) -> Option<String> {
    let endpoint = aws.endpoint_url()?.trim_end_matches('/').to_owned();
    let answer = reqwest::Client::new().get(format!("{endpoint}/_freshet/health")).send().await.ok()?;
    answer.status().is_success().then_some(endpoint)
}

/// Delivers what the loopback's streams have buffered; says whether there is nothing left in a buffer.
pub(super) async fn deliver(aws: &SdkConfig) -> Result<bool> {
    let Some(endpoint) = loopback(aws).await else {
        return Ok(false);
    };
    let answer = reqwest::Client::new().post(format!("{endpoint}/_freshet/flush")).send().await;
    answer.and_then(reqwest::Response::error_for_status).context("deliver what is buffered")?;
    Ok(true)
}

/// Erases the texts that name them: saved queries and prepared statements, and on loopback executions.
pub(super) async fn erase(aws: &SdkConfig, names: &Names, is_dry_run: bool) -> Result<Found> {
    let client = Client::new(aws);
    let mut found = Found::default();
    let mut holding = Vec::new();
    let mut groups = Vec::new();
    let mut token = None;
    loop {
        let page = client.list_work_groups().set_next_token(token).send().await.context("list the workgroups")?;
        groups.extend(page.work_groups().iter().filter_map(|group| group.name().map(str::to_owned)));
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    for group in &groups {
        let mut pages = client.list_query_executions().work_group(group).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.context("list the executions")?;
            for ids in page.query_execution_ids().chunks(BATCH) {
                let batch = client.batch_get_query_execution().set_query_execution_ids(Some(ids.to_vec())).send().await;
                for execution in batch.context("read the executions")?.query_executions() {
                    if is_named(&client, execution, names).await? {
                        holding.extend(execution.query_execution_id().map(str::to_owned));
                    }
                }
            }
        }
        found.erased += erase_saved(&client, group, names, is_dry_run).await?;
    }
    if holding.is_empty() {
        return Ok(found);
    }
    match loopback(aws).await {
        None => found.kept = holding.len() as u64,
        Some(_) if is_dry_run => found.erased += holding.len() as u64,
        Some(endpoint) => {
            let body = json!({ "QueryExecutionIds": holding });
            let answer = reqwest::Client::new().post(format!("{endpoint}/_freshet/forget")).body(body.to_string()).send().await;
            let answer = answer.and_then(reqwest::Response::error_for_status).context("forget executions")?.text().await?;
            let answer: serde_json::Value = serde_json::from_str(&answer)?;
            found.erased += answer["forgotten"].as_u64().unwrap_or(0);
        }
    }
    Ok(found)
}

/// Whether an execution names them: in its text, its parameters, or a result that Athena keeps itself.
async fn is_named(client: &Client, execution: &QueryExecution, names: &Names) -> Result<bool> {
    let texts = execution.query().into_iter().chain(execution.execution_parameters().iter().map(String::as_str));
    let reason = execution.status().and_then(|status| status.state_change_reason());
    if texts.chain(reason).any(|text| names.are_in_answer(text)) {
        return Ok(true);
    }
    let is_kept_here = execution.result_configuration().and_then(|result| result.output_location()).is_none();
    let is_done = execution.status().and_then(|status| status.state()) == Some(&QueryExecutionState::Succeeded);
    let Some(id) = execution.query_execution_id().filter(|_| is_kept_here && is_done) else {
        return Ok(false);
    };
    let mut pages = client.get_query_results().query_execution_id(id).into_paginator().send();
    while let Some(page) = pages.next().await {
        // Results that Athena keeps are gone after a day: then there is nothing to name anyone.
        let Ok(page) = page else {
            return Ok(false);
        };
        let rows = page.result_set().map(aws_sdk_athena::types::ResultSet::rows).unwrap_or_default();
        let mut cells = rows.iter().flat_map(aws_sdk_athena::types::Row::data).filter_map(aws_sdk_athena::types::Datum::var_char_value);
        if cells.any(|cell| names.are_in_answer(cell)) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn erase_saved(client: &Client, group: &str, names: &Names, is_dry_run: bool) -> Result<u64> {
    let mut erased = 0;
    let mut saved = Vec::new();
    let mut pages = client.list_named_queries().work_group(group).into_paginator().send();
    while let Some(page) = pages.next().await {
        saved.extend(page.context("list the saved queries")?.named_query_ids().iter().cloned());
    }
    for id in saved {
        let query = client.get_named_query().named_query_id(&id).send().await.context("read a saved query")?;
        if query.named_query().is_some_and(|query| names.are_in_answer(query.query_string())) {
            erased += 1;
            if !is_dry_run {
                client.delete_named_query().named_query_id(&id).send().await.context("delete a saved query")?;
            }
        }
    }
    let mut prepared = Vec::new();
    let mut pages = client.list_prepared_statements().work_group(group).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.context("list the prepared statements")?;
        prepared.extend(page.prepared_statements().iter().filter_map(|statement| statement.statement_name().map(str::to_owned)));
    }
    for name in prepared {
        let statement = client.get_prepared_statement().work_group(group).statement_name(&name).send().await;
        let statement = statement.context("read a prepared statement")?;
        let text = statement.prepared_statement().and_then(|statement| statement.query_statement());
        if text.is_some_and(|text| names.are_in_answer(text)) {
            erased += 1;
            if !is_dry_run {
                let deleted = client.delete_prepared_statement().work_group(group).statement_name(&name).send().await;
                deleted.context("delete a prepared statement")?;
            }
        }
    }
    Ok(erased)
}
