//! A value's text, as Athena prints it in GetQueryResults and in result files.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::Field;
use datafusion::arrow::util::display::array_value_to_string;

/// The text of a value; `None` for NULL.
pub fn text(_field: &Field, array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    array_value_to_string(array, row).ok()
}
