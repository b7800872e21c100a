//! An answer as CSV, in the form of the result files that Athena writes.

use std::fmt::Write as _;

use crate::{Answer, ResultColumn};

/// A header and a line a row: every value in double quotes with quotes doubled, so that NULL (nothing between two commas) and
/// the empty text (`""`) differ. Lines end in `\n`; line ends within values stay.
pub fn to_csv(answer: &Answer) -> String {
    let mut csv = header(&answer.columns);
    rows(&mut csv, &answer.rows);
    csv
}

/// The line of the columns' names; nothing for an answer without columns.
pub fn header(columns: &[ResultColumn]) -> String {
    let mut csv = String::new();
    if !columns.is_empty() {
        line(&mut csv, columns.iter().map(|column| Some(column.name.as_str())));
    }
    csv
}

/// Adds a line for each row.
pub fn rows(csv: &mut String, rows: &[Vec<Option<String>>]) {
    for row in rows {
        line(csv, row.iter().map(Option::as_deref));
    }
}

fn line<'a>(csv: &mut String, values: impl Iterator<Item = Option<&'a str>>) {
    for (index, value) in values.enumerate() {
        if index > 0 {
            csv.push(',');
        }
        if let Some(text) = value {
            write!(csv, "\"{}\"", text.replace('"', "\"\"")).expect("writing to a string cannot fail");
        }
    }
    csv.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::column;

    #[test]
    fn null_is_empty_and_text_is_quoted() {
        let answer = Answer {
            columns: vec![column("a", "varchar"), column("b \"c\"", "varchar")],
            rows: vec![vec![None, Some(String::new())], vec![Some("say \"hi\", twice\n".to_owned()), Some("1".to_owned())]],
            scanned_bytes: 0,
            execution_id: "e".to_owned(),
        };
        assert_eq!(to_csv(&answer), "\"a\",\"b \"\"c\"\"\"\n,\"\"\n\"say \"\"hi\"\", twice\n\",\"1\"\n");
    }
}
