//! What `UNNEST` unnests: its arrays and maps zipped into one array of rows, with the shorter ones filled with NULL.

use std::sync::Arc;

use datafusion::logical_expr::{ColumnarValue, Expr};

use crate::kinds::Kind;
use crate::scalar::{Columns, arrays, of_columns};
use crate::value::{Value, read, write};

/// The zipped array; `keep` gives an empty one a row of NULLs, for `LEFT JOIN UNNEST`.
pub(crate) fn zip(kinds: Vec<Kind>, ordinality: bool, keep: bool, list: &Kind, args: Vec<Expr>) -> Expr {
    let identity = format!("{kinds:?}{ordinality}{keep}");
    let result = list.clone();
    let work: Columns = Arc::new(move |args, rows| {
        let arrays = arrays(args, rows)?;
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let values: Vec<Value> = arrays.iter().map(|array| read(array, row)).collect();
            let length = values.iter().map(|value| value.list().len().max(value.entries().len())).max().unwrap_or(0);
            let mut members = Vec::with_capacity(length);
            for at in 0..length {
                let mut member = Vec::new();
                for (value, kind) in values.iter().zip(&kinds) {
                    match kind {
                        Kind::Map(..) => {
                            let (key, item) = value.entries().get(at).cloned().unwrap_or((Value::Null, Value::Null));
                            member.extend([key, item]);
                        }
                        Kind::Array(of) => match &**of {
                            Kind::Row(fields) => match value.list().get(at) {
                                Some(Value::Row(items)) => member.extend(items.iter().cloned()),
                                _ => member.extend(fields.iter().map(|_| Value::Null)),
                            },
                            _ => member.push(value.list().get(at).cloned().unwrap_or(Value::Null)),
                        },
                        _ => {}
                    }
                }
                if ordinality {
                    member.push(Value::Int(i64::try_from(at).unwrap_or(0) + 1));
                }
                members.push(Value::Row(member));
            }
            if members.is_empty() && keep {
                let Kind::Array(of) = &result else { continue };
                let Kind::Row(fields) = &**of else { continue };
                members.push(Value::Row(vec![Value::Null; fields.len()]));
            }
            out.push(Value::List(members));
        }
        Ok(ColumnarValue::Array(write(out, &result)?))
    });
    of_columns("unnest_rows", &identity, list, work, args)
}
