//! `freshet privacy`: the privacy requests that are open, until when, and the command that answers each.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::environment;
use crate::output::{complain, say, table};

/// The named query.
const QUERY: &str = "privacy_requests_open";

/// Arguments of `freshet privacy`.
#[derive(Debug, Args)]
#[command(
    after_help = "A redaction is open while the lake holds anything of whom it is about; a data request until its time is over.\n\nExample:\n  freshet privacy --json | jq -r '.[] | select(.days_left < 7) | .command'"
)]
pub(crate) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A request that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Open {
    shop: String,
    request: String,
    customer_id: Option<String>,
    asked_at: String,
    due_at: String,
    days_left: i64,
    orders_held: i64,
    customers_held: i64,
    /// What answers it.
    command: String,
}

impl Open {
    /// Reads a row of the query.
    fn read(value: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| value(name).unwrap_or_default();
        let number = |name: &str| text(name).parse().unwrap_or(0);
        let (shop, request, customer_id) = (text("shop"), text("request"), value("customer_id"));
        let command = command(&shop, &request, customer_id.as_deref());
        Self {
            command,
            shop,
            request,
            customer_id,
            asked_at: text("asked_at"),
            due_at: text("due_at"),
            days_left: number("days_left"),
            orders_held: number("orders_held"),
            customers_held: number("customers_held"),
        }
    }
}

/// The command that answers a request. The lake holds no address: that of a request without an id is in Shopify's e-mail.
fn command(shop: &str, request: &str, customer_id: Option<&str>) -> String {
    let who = match (request, customer_id) {
        ("shop_redact", _) => "--shop".to_owned(),
        (_, Some(id)) => format!("--customer {}", quoted(id)),
        (_, None) => "--email ADDRESS".to_owned(),
    };
    let dry = if request == "data_request" { " --dry-run" } else { "" };
    format!("freshet erase --account {} {who}{dry}", quoted(shop))
}

/// A word as a shell takes it: it comes from outside.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let statement = freshet_query::bind(freshet_query::find(QUERY)?, &std::collections::BTreeMap::new())?;
    let client = aws_sdk_athena::Client::new(&environment::aws().await);
    let run = environment::statement(statement.sql, statement.parameters, &environment::bucket()?, &environment::database());
    let answer = Box::pin(freshet_query::run(&client, run)).await.context("look for open privacy requests")?;
    let place = |name: &str| answer.columns.iter().position(|column| column.name == name);
    let open: Vec<Open> = answer.rows.iter().map(|row| Open::read(|name| row.get(place(name)?)?.clone())).collect();
    if arguments.json {
        say(&serde_json::to_string_pretty(&open)?);
        return Ok(ExitCode::SUCCESS);
    }
    let row = |open: &Open| {
        let held = (open.orders_held + open.customers_held).to_string();
        vec![open.request.clone(), open.shop.clone(), open.due_at.clone(), open.days_left.to_string(), held, open.command.clone()]
    };
    table(&["request", "shop", "due", "days left", "rows held", "answered by"], open.iter().map(row));
    let overdue = open.iter().filter(|open| open.days_left < 0).count();
    if overdue > 0 {
        complain(&format!("warning: {overdue} of them are overdue"));
    }
    if open.iter().any(|open| open.request == "data_request") {
        complain("note: a data request is answered by the person's data, not by an erasure: the command shows where they are");
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_its_command() {
        let check = |request: &str, id: Option<&str>, expected: &str| assert_eq!(command("acme.myshopify.com", request, id), expected);
        check("redact", Some("207119551"), "freshet erase --account acme.myshopify.com --customer 207119551");
        check("redact", None, "freshet erase --account acme.myshopify.com --email ADDRESS");
        check("shop_redact", None, "freshet erase --account acme.myshopify.com --shop");
        check("data_request", Some("7"), "freshet erase --account acme.myshopify.com --customer 7 --dry-run");
    }

    #[test]
    fn what_comes_from_outside_is_one_word() {
        assert_eq!(quoted("a; rm -rf /"), "'a; rm -rf /'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("--yes"), "'--yes'");
    }
}
