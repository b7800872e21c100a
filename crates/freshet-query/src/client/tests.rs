//! What answers mean, without network.

use aws_sdk_athena::error::ErrorMetadata;
use aws_sdk_athena::operation::start_query_execution::StartQueryExecutionError;
use aws_sdk_athena::types::QueryExecutionStatus;

use super::*;

fn execution(state: QueryExecutionState) -> QueryExecution {
    QueryExecution::builder()
        .query_execution_id("e-1")
        .statement_type(StatementType::Dml)
        .status(QueryExecutionStatus::builder().state(state).state_change_reason("line 1:8: no").build())
        .statistics(QueryExecutionStatistics::builder().data_scanned_in_bytes(17).build())
        .build()
}

fn start_error(code: &str) -> SdkError<StartQueryExecutionError, ()> {
    let metadata = ErrorMetadata::builder().code(code).message("line 1:1: mismatched input").build();
    SdkError::service_error(StartQueryExecutionError::generic(metadata), ())
}

#[test]
fn an_execution_is_under_way_done_failed_or_stopped() {
    for state in [QueryExecutionState::Queued, QueryExecutionState::Running] {
        assert!(matches!(progress(&execution(state)), Ok(None)));
    }
    let done = progress(&execution(QueryExecutionState::Succeeded)).unwrap().unwrap();
    let expected =
        Execution { id: "e-1".to_owned(), scanned_bytes: 17, is_billed: true, is_reused: false, manifest: None, may_have_header: true };
    assert_eq!(done, expected);
    let failed = progress(&execution(QueryExecutionState::Failed));
    assert!(matches!(failed, Err(Failure::Final(Error::Refused { message, .. })) if message == "line 1:8: no"));
    let stopped = progress(&execution(QueryExecutionState::Cancelled));
    assert!(matches!(stopped, Err(Failure::Final(Error::Stopped { .. }))));
}

#[test]
fn what_athena_does_not_bill_is_known() {
    let billed = |change: &dyn Fn(QueryExecution) -> QueryExecution| {
        progress(&change(execution(QueryExecutionState::Succeeded))).unwrap().unwrap().is_billed
    };
    assert!(billed(&|execution| execution));
    let of_kind = |execution: QueryExecution, kind, sub: &str| {
        let builder = QueryExecution::builder().query_execution_id("e-1").set_status(execution.status).set_statistics(execution.statistics);
        builder.statement_type(kind).substatement_type(sub).build()
    };
    assert!(billed(&|execution| of_kind(execution, StatementType::Dml, "UNLOAD")));
    assert!(!billed(&|execution| of_kind(execution, StatementType::Dml, "EXPLAIN")));
    assert!(!billed(&|execution| of_kind(execution, StatementType::Ddl, "CREATE_VIEW")));
    assert!(!billed(&|mut execution| {
        let reuse = ResultReuseInformation::builder().reused_previous_result(true).build();
        execution.statistics = Some(QueryExecutionStatistics::builder().result_reuse_information(reuse).build());
        execution
    }));
}

#[test]
fn an_answer_without_a_state_is_malformed() {
    let nothing = QueryExecution::builder().query_execution_id("e-1").build();
    assert!(matches!(progress(&nothing), Err(Failure::Final(Error::Malformed { .. }))));
}

#[test]
fn errors_are_told_apart_by_their_code() {
    for code in THROTTLED {
        assert!(matches!(refusal("StartQueryExecution", start_error(code)), Failure::Throttled(_)), "{code}");
    }
    let refused = refusal("StartQueryExecution", start_error("InvalidRequestException"));
    assert!(matches!(refused, Failure::Final(Error::Refused { message, .. }) if message == "line 1:1: mismatched input"));
    let Failure::Final(other) = failure("StartQueryExecution", start_error("AccessDeniedException")) else {
        panic!("access that is denied stays denied")
    };
    assert_eq!(other.to_string(), "call athena StartQueryExecution: AccessDeniedException: line 1:1: mismatched input");
}

/// A service task may run a statement: its future can move between threads.
#[test]
fn a_run_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    let client = Client::from_conf(aws_sdk_athena::Config::builder().behavior_version_latest().build());
    let request = Run {
        sql: "SELECT 1".to_owned(),
        parameters: Vec::new(),
        database: "lake".to_owned(),
        workgroup: "primary".to_owned(),
        output_location: None,
        timeout: Duration::from_secs(1),
        byte_limit: None,
        reuse_minutes: None,
        cancel: std::future::pending(),
    };
    is_send(&run(&client, request));
}
