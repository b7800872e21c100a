//! Rows of a computed table as lines of the landing zone, in objects that are named by their content.

use freshet_ingest::line::LINE_VERSION;
use freshet_schema::{Contract, Table};
use serde_json::Value;

use crate::error::Error;
use crate::lander::Lander;

/// Where rows of scores wait for their table.
pub const PREFIX: &str = "landing/scores/";

/// Rows on their way to one table.
#[derive(Debug)]
pub struct Landing<'a> {
    target: (&'a aws_sdk_s3::Client, &'a str),
    table: &'static Table,
    lander: Lander,
}

impl<'a> Landing<'a> {
    /// Begins.
    pub fn new(s3: &'a aws_sdk_s3::Client, bucket: &'a str, table: &'static str) -> Self {
        let table = Contract::embedded().table(table).expect("a test holds that the tables of scores are in the contract");
        Self { target: (s3, bucket), table, lander: Lander::new(PREFIX) }
    }

    /// Takes a row of the day `dt`, an object; columns that are null are left out.
    pub async fn push(&mut self, dt: &str, columns: Value) -> Result<(), Error> {
        self.lander.take(&line(self.table, dt, columns));
        self.lander.land(Some(self.target), false).await
    }

    /// Puts what is left, and says how many objects were put.
    pub async fn finish(mut self) -> Result<u64, Error> {
        self.lander.land(Some(self.target), true).await?;
        Ok(self.lander.landed)
    }
}

fn line(table: &Table, dt: &str, mut columns: Value) -> String {
    if let Value::Object(columns) = &mut columns {
        columns.retain(|_, value| !value.is_null());
    }
    let columns = columns.to_string();
    format!(
        "{{\"table\":\"{}\",\"line_version\":{LINE_VERSION},\"schema_version\":{},\"dt\":\"{dt}\",\"search_days\":0,\"deliveries\":0,{}\n",
        table.name,
        table.version,
        &columns[1..]
    )
}

#[cfg(test)]
mod tests {
    use freshet_schema::Contract;
    use serde_json::json;

    use super::line;

    #[test]
    fn a_line_begins_as_every_line_does_and_leaves_out_null() {
        let table = Contract::embedded().table("lead_scores").unwrap();
        let text = line(table, "2026-06-10", json!({ "subject": "a", "account": null, "decile": 1 }));
        let front = format!("{{\"table\":\"lead_scores\",\"line_version\":1,\"schema_version\":{},\"dt\":\"2026-06-10\",", table.version);
        assert!(text.starts_with(&front) && text.ends_with("}\n") && !text.contains("account"), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
