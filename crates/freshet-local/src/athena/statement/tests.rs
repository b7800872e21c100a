//! What clients really send, read.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::super::alter::Change;
use super::super::show::{Show, fits};
use super::*;

fn read(sql: &str) -> Statement {
    parse(sql).unwrap_or_else(|misread| panic!("{sql}: {}", misread.message)).0
}

fn named(database: Option<&str>, table: &str) -> Name {
    Name { catalog: None, database: database.map(str::to_owned), table: table.to_owned() }
}

#[test]
fn a_delta_table_is_read() {
    let Statement::CreateTable(table) = read(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `lake`.`Orders`\nLOCATION 's3://b/tables/orders/'\nTBLPROPERTIES ('table_type' = 'DELTA');",
    ) else {
        panic!("no table");
    };
    assert_eq!(table.name, Some(named(Some("lake"), "orders")));
    assert!(table.if_not_exists && table.is_external && table.columns.is_empty());
    assert_eq!(table.location.as_deref(), Some("s3://b/tables/orders/"));
    assert_eq!(table.properties["table_type"], "DELTA");
}

#[test]
fn a_seed_of_dbt_is_read() {
    let sql = "create external table db.t (`a` string, `b` decimal(10, 2) comment 'it\\'s', c array<struct<x:int,`y`:map<string,int>>>) row format serde 'org.apache.hadoop.hive.serde2.OpenCSVSerde' with serdeproperties ('separatorChar' = ',') stored as textfile location 's3://b/seed/' tblproperties ('skip.header.line.count'='1')";
    let Statement::CreateTable(table) = read(sql) else {
        panic!("no table");
    };
    let kinds: Vec<&str> = table.columns.iter().map(|column| column.kind.as_str()).collect();
    assert_eq!(kinds, ["string", "decimal(10,2)", "array<struct<x:int,y:map<string,int>>>"]);
    assert_eq!(table.columns[1].comment.as_deref(), Some("it's"));
    assert_eq!(table.serde_properties["separatorChar"], ",");
    assert_eq!(table.stored_as.as_deref(), Some("TEXTFILE"));
}

#[test]
fn ctas_insert_and_unload_keep_their_queries() {
    let sql = "create table \"awsdatacatalog\".\"db\".\"t\" with (table_type='hive', partitioned_by=ARRAY['dt', 'h'], format='parquet') as select 1 x, 'with data' y with no data";
    let Statement::CreateTableAs { name, properties, query, with_data, .. } = read(sql) else {
        panic!("no CTAS");
    };
    assert_eq!(name.catalog.as_deref(), Some("awsdatacatalog"));
    assert_eq!(properties["partitioned_by"], ["dt", "h"]);
    assert_eq!((query.as_str(), with_data), ("select 1 x, 'with data' y", false));
    let Statement::Insert { columns, query, .. } = read("insert into \"db\".\"t\" (\"a\",\"b\")\n ( select 1, 2 );") else {
        panic!("no insert");
    };
    assert_eq!((columns, query.as_str()), (vec!["a".to_owned(), "b".to_owned()], "( select 1, 2 )"));
    let Statement::Insert { columns, query, .. } = read("INSERT INTO t (SELECT 'z', 1.0)") else {
        panic!("no insert");
    };
    assert_eq!((columns.len(), query.as_str()), (0, "(SELECT 'z', 1.0)"));
    let Statement::Unload { query, to, properties } = read("UNLOAD (SELECT ')' FROM (SELECT 1)) TO 's3://b/u/' WITH (format='PARQUET')")
    else {
        panic!("no unload");
    };
    assert_eq!((query.as_str(), to.as_str()), ("SELECT ')' FROM (SELECT 1)", "s3://b/u/"));
    assert_eq!(properties["format"], ["PARQUET"]);
}

#[test]
fn the_rest_is_told_apart() {
    for (sql, kinds) in [
        ("-- {\"app\": \"dbt\"}\nselect 1", ("DML", "SELECT")),
        ("(select 1)", ("DML", "SELECT")),
        ("EXPLAIN (TYPE LOGICAL) SELECT 1", ("DML", "EXPLAIN")),
        ("SHOW TABLES IN lakedb 'ev*'", ("UTILITY", "SHOW_TABLES")),
        ("show databases like 'a'", ("UTILITY", "SHOW_DATABASES")),
        ("DESCRIBE FORMATTED `t`", ("UTILITY", "DESCRIBE_TABLE")),
        ("MSCK REPAIR TABLE `lakedb`.`t`", ("DDL", "MSCK_REPAIR_TABLE")),
        ("create schema if not exists `awsdatacatalog`.`x`", ("DDL", "CREATE_DATABASE")),
        ("ALTER TABLE t ADD IF NOT EXISTS PARTITION (dt='2026-01-03') LOCATION 's3://b/x/'", ("DDL", "ALTER_TABLE_ADD_PARTITION")),
        ("alter table `db`.`t` set tblproperties ('a'='b')", ("DDL", "ALTER_TABLE_SET_TBLPROPERTIES")),
        ("DROP VIEW IF EXISTS \"v\"", ("DDL", "DROP_VIEW")),
        ("DELETE FROM t WHERE a = 1", ("DML", "DELETE")),
        ("PREPARE p FROM SELECT ?", ("DDL", "PREPARE")),
    ] {
        assert_eq!(read(sql).kinds(), kinds, "{sql}");
    }
    assert_eq!(read("SHOW COLUMNS IN t FROM db"), Statement::Show(Show::Columns { name: named(Some("db"), "t") }));
    assert_eq!(
        read("EXECUTE p USING 'a,b', ARRAY[1, 2], f(1, 2)"),
        Statement::Execute { name: "p".to_owned(), parameters: vec!["'a,b'".to_owned(), "ARRAY[1, 2]".to_owned(), "f(1, 2)".to_owned()] }
    );
    let Statement::Alter { change: Change::DropPartitions { partitions, .. }, .. } =
        read("ALTER TABLE t DROP PARTITION (dt='a'), PARTITION (dt='b')")
    else {
        panic!("no drop");
    };
    assert_eq!(partitions.len(), 2);
}

#[test]
fn what_cannot_be_read_says_where() {
    for (sql, message) in [
        ("", "Query string is empty"),
        (";", "Query string is empty"),
        ("SELEC 1", "line 1:1: mismatched input 'SELEC'"),
        ("SELECT 1; SELECT 2", "Only one sql statement is allowed"),
        ("CREATE EXTERNAL TABLE t (a string", "line 1:34: mismatched input '<EOF>'"),
        ("SELECT 'a", "line 1:8: a quote"),
        ("DROP\n  INDEX x", "line 2:3: mismatched input 'INDEX'"),
    ] {
        let misread = parse(sql).map(|(statement, _)| statement).unwrap_err();
        assert!(misread.message.starts_with(message), "{sql}: {}", misread.message);
    }
}

#[test]
fn a_semicolon_and_a_comment_at_the_end_are_cut_off() {
    assert_eq!(parse("SELECT 1 ; -- done").unwrap().1, "SELECT 1");
}

#[test]
fn patterns_fit() {
    for (pattern, name, fit) in [
        ("ev*", "events", true),
        ("*", "x", true),
        ("a|b", "b", true),
        ("*ven*s", "events", true),
        ("ev", "events", false),
        ("EV*", "events", true),
        ("a*a", "a", false),
    ] {
        assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
    }
}
