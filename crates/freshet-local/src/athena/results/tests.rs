//! Pages of a result.
#![allow(clippy::unwrap_used, reason = "tests")]

use object_store::memory::InMemory;

use super::super::execution::{Outcome, ResultColumn, VERSION};
use super::super::result_file::csv_row;
use super::*;

fn execution(shape: Shape, state: State) -> Execution {
    Execution {
        version: VERSION,
        id: "id".to_owned(),
        query: "SELECT 1".to_owned(),
        statement_type: "DML".to_owned(),
        substatement_type: "SELECT".to_owned(),
        shape,
        work_group: "primary".to_owned(),
        catalog: None,
        database: None,
        parameters: Vec::new(),
        output: None,
        reuse: Value::Null,
        token: None,
        state,
        failure: None,
        submitted: 0.0,
        started: None,
        completed: None,
        outcome: Outcome { columns: vec![ResultColumn::text("a")], ..Outcome::default() },
    }
}

async fn place(bytes: Vec<u8>) -> ResultPlace {
    let place = ResultPlace { store: Arc::new(InMemory::new()), path: Path::from("r.csv") };
    place.write(bytes).await.unwrap();
    place
}

#[tokio::test]
async fn pages_join_to_the_whole_result() {
    let mut bytes = Vec::new();
    let long = "x\"\n".repeat(200_000);
    for row in 0..2500 {
        let text = if row % 7 == 0 { None } else { Some(row.to_string()) };
        csv_row(&mut bytes, [text.as_deref(), if row == 1200 { Some(long.as_str()) } else { Some("") }]);
    }
    let place = place(bytes).await;
    let execution = execution(Shape::Csv, State::Succeeded);
    for limit in [1, 999, 1000, 2500, 5000] {
        let (mut rows, mut token, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let page = page(&execution, Ok(place.clone()), token.as_deref(), limit).await.unwrap();
            let found = page["ResultSet"]["Rows"].as_array().unwrap().clone();
            assert!(found.len() <= limit);
            rows.extend(found);
            pages += 1;
            match page["NextToken"].as_str() {
                Some(next) => token = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(rows.len(), 2500, "{limit}");
        assert!(pages <= 2500 / limit + 1, "{limit}: {pages} pages");
        assert_eq!(rows[0]["Data"], json!([{}, { "VarCharValue": "" }]));
        assert_eq!(rows[1200]["Data"][1]["VarCharValue"].as_str().unwrap(), long);
        assert_eq!(rows[2498]["Data"][0]["VarCharValue"], "2498");
    }
}

#[tokio::test]
async fn lines_are_rows_of_one_value() {
    let place = place(b"col_name\tdata_type\n\nlast\n".to_vec()).await;
    let page = page(&execution(Shape::Text, State::Succeeded), Ok(place), None, 1000).await.unwrap();
    let texts: Vec<_> = page["ResultSet"]["Rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["Data"][0]["VarCharValue"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts, ["col_name\tdata_type", "", "last"]);
    assert!(page["NextToken"].is_null());
}

#[tokio::test]
async fn what_has_no_result_is_refused() {
    for (state, message) in [
        (State::Running, "Query has not yet finished. Current state: RUNNING"),
        (State::Failed, "Query did not finish successfully. Final query state: FAILED"),
    ] {
        let error = page(&execution(Shape::Csv, state), Ok(place(Vec::new()).await), None, 1000).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("InvalidRequestException", message));
    }
    let foreign = page(&execution(Shape::Csv, State::Succeeded), Ok(place(Vec::new()).await), Some(&write_token(3, "other")), 1000)
        .await
        .unwrap_err();
    assert_eq!(foreign.code, "InvalidRequestException");
}
