//! What Athena answers: columns, and rows as the text that it prints.

use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;

use crate::Error;

/// The whole answer of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The columns, in order; none for some statements that are no queries.
    pub columns: Vec<ResultColumn>,
    /// The rows, each value as Athena's text; `None` is NULL, which is not the empty text.
    pub rows: Vec<Vec<Option<String>>>,
    /// The bytes that Athena read for it, which is what it bills.
    pub scanned_bytes: u64,
    /// The execution that gave it.
    pub execution_id: String,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultColumn {
    /// The name; two columns may have the same.
    pub name: String,
    /// Athena's name of the type, without arguments: `bigint`, `decimal`, `array`.
    pub kind: String,
    /// The digits of a decimal, or those of a time's fraction of a second; of other types what Athena says.
    pub precision: i32,
    /// The digits of a decimal behind its point.
    pub scale: i32,
}

/// A part of an answer, at most 1,000 rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The columns, the same in each page.
    pub columns: Vec<ResultColumn>,
    /// The rows of this part.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Page {
    /// Reads a page; in the first page of a query's result the first row holds the columns' names.
    pub(crate) fn read(output: &GetQueryResultsOutput, may_have_header: bool) -> Result<Self, Error> {
        let results = output
            .result_set()
            .ok_or_else(|| Error::Malformed { operation: "GetQueryResults", message: "the result set is missing".to_owned() })?;
        let columns: Vec<ResultColumn> = results
            .result_set_metadata()
            .map(aws_sdk_athena::types::ResultSetMetadata::column_info)
            .unwrap_or_default()
            .iter()
            .map(|column| ResultColumn {
                name: column.name().to_owned(),
                kind: column.r#type().to_owned(),
                precision: column.precision(),
                scale: column.scale(),
            })
            .collect();
        let mut rows: Vec<Vec<Option<String>>> =
            results.rows().iter().map(|row| row.data().iter().map(|datum| datum.var_char_value().map(str::to_owned)).collect()).collect();
        if may_have_header && rows.first().is_some_and(|first| names_columns(first, &columns)) {
            rows.remove(0);
        }
        Ok(Self { columns, rows })
    }
}

/// Statements like EXPLAIN count as queries but print no names: a header is one only where it says the names.
fn names_columns(row: &[Option<String>], columns: &[ResultColumn]) -> bool {
    row.len() == columns.len() && row.iter().zip(columns).all(|(value, column)| value.as_deref() == Some(column.name.as_str()))
}

/// A column of a test's answer.
#[cfg(test)]
pub(crate) fn column(name: &str, kind: &str) -> ResultColumn {
    ResultColumn { name: name.to_owned(), kind: kind.to_owned(), precision: 0, scale: 0 }
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::{ColumnInfo, Datum, ResultSet, ResultSetMetadata, Row};

    use super::*;

    fn output(columns: &[&str], rows: &[&[Option<&str>]]) -> GetQueryResultsOutput {
        let metadata = columns.iter().fold(ResultSetMetadata::builder(), |metadata, name| {
            metadata.column_info(ColumnInfo::builder().name(*name).r#type("varchar").build().unwrap())
        });
        let results = rows.iter().fold(ResultSet::builder().result_set_metadata(metadata.build()), |results, row| {
            let row = row
                .iter()
                .fold(Row::builder(), |row, value| row.data(Datum::builder().set_var_char_value(value.map(str::to_owned)).build()));
            results.rows(row.build())
        });
        GetQueryResultsOutput::builder().result_set(results.build()).build()
    }

    #[test]
    fn null_is_not_the_empty_text() {
        let page = Page::read(&output(&["a", "b"], &[&[None, Some("")]]), true).unwrap();
        assert_eq!(page.rows, [[None, Some(String::new())]]);
    }

    #[test]
    fn the_header_is_dropped_from_the_first_page_of_a_query_alone() {
        let rows: [&[Option<&str>]; 2] = [&[Some("a")], &[Some("a")]];
        for (may_have_header, count) in [(true, 1), (false, 2)] {
            assert_eq!(Page::read(&output(&["a"], &rows), may_have_header).unwrap().rows.len(), count);
        }
        assert_eq!(Page::read(&output(&["Query Plan"], &rows), true).unwrap().rows.len(), 2);
    }

    #[test]
    fn an_answer_without_a_result_set_is_malformed() {
        let nothing = GetQueryResultsOutput::builder().build();
        assert!(matches!(Page::read(&nothing, true), Err(Error::Malformed { .. })));
    }
}
