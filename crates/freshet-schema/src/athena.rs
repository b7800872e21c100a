//! Athena's statements that make a table of the contract known: columns come from the Delta log itself
//! (docs.aws.amazon.com/athena, "Creating Delta Lake tables": a column list is refused).

use crate::{Contract, Table};

/// `CREATE DATABASE IF NOT EXISTS`.
pub fn create_database(database: &str) -> String {
    format!("CREATE DATABASE IF NOT EXISTS `{database}`")
}

/// `CREATE EXTERNAL TABLE IF NOT EXISTS` for a Delta table in a bucket.
pub fn create_table(table: &Table, database: &str, bucket: &str) -> String {
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{}`\nLOCATION 's3://{bucket}/{}/'\nTBLPROPERTIES ('table_type' = 'DELTA')",
        table.name,
        table.prefix()
    )
}

/// `DROP TABLE IF EXISTS`: out of the catalogue alone, since the table is an external one.
pub fn drop_table(table: &Table, database: &str) -> String {
    format!("DROP TABLE IF EXISTS `{database}`.`{}`", table.name)
}

/// Every statement of the contract, for a folder of files.
pub fn statements(contract: &Contract, database: &str, bucket: &str) -> Vec<String> {
    std::iter::once(create_database(database)).chain(contract.tables().map(|table| create_table(table, database, bucket))).collect()
}
