// The AWS SDK for JavaScript over a lake on loopback: Athena, Glue and S3, by what their clients send themselves.
// Where the lake is stands in the variables that `freshet up` prints.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import * as athena from "@aws-sdk/client-athena";
import * as glue from "@aws-sdk/client-glue";
import * as s3 from "@aws-sdk/client-s3";

const lake = process.env.FRESHET_DATABASE;
const bucket = process.env.FRESHET_BUCKET;
const scratch = `scratch_${randomUUID().slice(0, 8)}`;
const results = `s3://${bucket}/${scratch}/results/`;
const ask = new athena.AthenaClient({});
const catalogue = new glue.GlueClient({});
const store = new s3.S3Client({ forcePathStyle: true });
const context = { Catalog: "AwsDataCatalog", Database: lake };

let passed = 0;
const failed = [];

async function step(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`OK      ${name}`);
  } catch (error) {
    failed.push(name);
    console.log(`FAILED  ${name}: ${error.name}: ${error.message}`);
  }
}

async function start(sql, more = {}) {
  const input = { QueryString: sql, QueryExecutionContext: context, ResultConfiguration: { OutputLocation: results }, ...more };
  return (await ask.send(new athena.StartQueryExecutionCommand(input))).QueryExecutionId;
}

async function ended(id) {
  for (;;) {
    const { QueryExecution } = await ask.send(new athena.GetQueryExecutionCommand({ QueryExecutionId: id }));
    if (!["QUEUED", "RUNNING"].includes(QueryExecution.Status.State)) return QueryExecution;
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function rows(sql, more) {
  const execution = await ended(await start(sql, more));
  assert.equal(execution.Status.State, "SUCCEEDED", execution.Status.StateChangeReason);
  const found = [];
  for await (const page of athena.paginateGetQueryResults({ client: ask }, { QueryExecutionId: execution.QueryExecutionId })) {
    found.push(...page.ResultSet.Rows.map((row) => row.Data.map((datum) => datum.VarCharValue)));
  }
  return execution.StatementType === "DML" ? found.slice(1) : found;
}

let orders = 0;
await step("SELECT, with typed columns", async () => {
  const execution = await ended(await start("SELECT count(*) AS n, sum(total_price) AS money, max(occurred_at) AS last FROM shopify_orders"));
  assert.equal(execution.Status.State, "SUCCEEDED", execution.Status.StateChangeReason);
  assert.ok(execution.Status.CompletionDateTime instanceof Date);
  const answer = await ask.send(new athena.GetQueryResultsCommand({ QueryExecutionId: execution.QueryExecutionId }));
  const columns = answer.ResultSet.ResultSetMetadata.ColumnInfo.map((column) => [column.Name, column.Type, column.Precision, column.Scale]);
  assert.deepEqual(columns, [["n", "bigint", 19, 0], ["money", "decimal", 38, 4], ["last", "timestamp", 3, 0]]);
  orders = Number(answer.ResultSet.Rows[1].Data[0].VarCharValue);
  assert.ok(orders > 0);
});
await step("pages of results", async () => assert.equal((await rows("SELECT event_id FROM game_match_players UNION ALL SELECT event_id FROM game_events")).length > 1000, true));
await step("execution parameters", async () => {
  const found = await rows("SELECT count(*) FROM shopify_orders WHERE currency <> ? AND total_price >= ?", { ExecutionParameters: ["'x'", "0"] });
  assert.equal(Number(found[0][0]), orders);
});
await step("NULL is no value, the empty text is one", async () => assert.deepEqual(await rows("SELECT CAST(NULL AS varchar), ''"), [[undefined, ""]]));
await step("the result file in S3", async () => {
  const execution = await ended(await start("SELECT 'a\"b' AS t, CAST(NULL AS varchar) AS n"));
  const [, place] = execution.ResultConfiguration.OutputLocation.split(`s3://${bucket}/`);
  const file = await store.send(new s3.GetObjectCommand({ Bucket: bucket, Key: place }));
  assert.equal(await file.Body.transformToString(), '"t","n"\n"a""b",\n');
});
await step("BatchGetQueryExecution, ListQueryExecutions, GetQueryRuntimeStatistics", async () => {
  const id = await start("SELECT 1");
  await ended(id);
  const batch = await ask.send(new athena.BatchGetQueryExecutionCommand({ QueryExecutionIds: [id, randomUUID()] }));
  assert.deepEqual([batch.QueryExecutions.length, batch.UnprocessedQueryExecutionIds.length], [1, 1]);
  const ids = [];
  for await (const page of athena.paginateListQueryExecutions({ client: ask, pageSize: 5 }, {})) ids.push(...page.QueryExecutionIds);
  assert.ok(ids.includes(id));
  const statistics = await ask.send(new athena.GetQueryRuntimeStatisticsCommand({ QueryExecutionId: id }));
  assert.ok(statistics.QueryRuntimeStatistics.Timeline.TotalExecutionTimeInMillis >= 0);
});
await step("StopQueryExecution", async () => {
  const id = await start("SELECT sum(length(a.event_id) * length(b.event_id) * length(c.event_id) * length(d.event_id)) FROM game_events a CROSS JOIN game_events b CROSS JOIN game_events c CROSS JOIN game_events d");
  await ask.send(new athena.StopQueryExecutionCommand({ QueryExecutionId: id }));
  assert.equal((await ended(id)).Status.State, "CANCELLED");
});
await step("a failed query says why", async () => {
  const execution = await ended(await start("SELECT nope FROM shopify_orders"));
  assert.equal(execution.Status.State, "FAILED");
  assert.match(execution.Status.StateChangeReason, /COLUMN_NOT_FOUND/);
  assert.equal(execution.Status.AthenaError.ErrorCategory, 2);
});
await step("a query that is not there is an InvalidRequestException", async () => {
  await assert.rejects(ask.send(new athena.GetQueryExecutionCommand({ QueryExecutionId: randomUUID() })), athena.InvalidRequestException);
});
await step("catalogues, databases, tables, columns", async () => {
  const catalogs = await ask.send(new athena.ListDataCatalogsCommand({}));
  assert.deepEqual(catalogs.DataCatalogsSummary.map((one) => one.CatalogName), ["AwsDataCatalog"]);
  const databases = [];
  for await (const page of athena.paginateListDatabases({ client: ask }, { CatalogName: "AwsDataCatalog" })) databases.push(...page.DatabaseList.map((one) => one.Name));
  assert.ok(databases.includes(lake));
  const tables = [];
  for await (const page of athena.paginateListTableMetadata({ client: ask, pageSize: 10 }, { CatalogName: "AwsDataCatalog", DatabaseName: lake })) tables.push(...page.TableMetadataList);
  assert.ok(tables.length > 30 && tables.some((table) => table.TableType === "VIRTUAL_VIEW"));
  const table = await ask.send(new athena.GetTableMetadataCommand({ CatalogName: "AwsDataCatalog", DatabaseName: lake, TableName: "shopify_orders" }));
  assert.deepEqual(table.TableMetadata.PartitionKeys.map((key) => [key.Name, key.Type]), [["dt", "date"]]);
  await assert.rejects(ask.send(new athena.GetTableMetadataCommand({ CatalogName: "AwsDataCatalog", DatabaseName: lake, TableName: "nope" })), athena.MetadataException);
});
await step("workgroups: make, change, list, delete", async () => {
  await ask.send(new athena.CreateWorkGroupCommand({ Name: scratch, Configuration: { ResultConfiguration: { OutputLocation: results }, EnforceWorkGroupConfiguration: true, BytesScannedCutoffPerQuery: 10_000_000 } }));
  const { WorkGroup } = await ask.send(new athena.GetWorkGroupCommand({ WorkGroup: scratch }));
  assert.equal(WorkGroup.Configuration.EnforceWorkGroupConfiguration, true);
  assert.ok(WorkGroup.CreationTime instanceof Date);
  await ask.send(new athena.UpdateWorkGroupCommand({ WorkGroup: scratch, Description: "of one step", ConfigurationUpdates: { RemoveBytesScannedCutoffPerQuery: true } }));
  const names = (await ask.send(new athena.ListWorkGroupsCommand({}))).WorkGroups.map((group) => group.Name);
  assert.ok(names.includes("primary") && names.includes(scratch));
  assert.equal((await rows("SELECT 1", { WorkGroup: scratch, ResultConfiguration: undefined }))[0][0], "1");
  await ask.send(new athena.DeleteWorkGroupCommand({ WorkGroup: scratch, RecursiveDeleteOption: true }));
});
await step("prepared statements and named queries", async () => {
  const prepared = { StatementName: scratch, WorkGroup: "primary" };
  await ask.send(new athena.CreatePreparedStatementCommand({ ...prepared, QueryStatement: "SELECT ? + 1" }));
  await ask.send(new athena.UpdatePreparedStatementCommand({ ...prepared, QueryStatement: "SELECT ? + 2" }));
  assert.deepEqual(await rows(`EXECUTE ${scratch} USING 40`), [["42"]]);
  const listed = await ask.send(new athena.ListPreparedStatementsCommand({ WorkGroup: "primary" }));
  assert.ok(listed.PreparedStatements[0].LastModifiedTime instanceof Date);
  await ask.send(new athena.DeletePreparedStatementCommand(prepared));
  await assert.rejects(ask.send(new athena.GetPreparedStatementCommand(prepared)), athena.ResourceNotFoundException);
  const { NamedQueryId } = await ask.send(new athena.CreateNamedQueryCommand({ Name: scratch, Database: lake, QueryString: "SELECT 1" }));
  assert.equal((await ask.send(new athena.GetNamedQueryCommand({ NamedQueryId }))).NamedQuery.QueryString, "SELECT 1");
  await ask.send(new athena.DeleteNamedQueryCommand({ NamedQueryId }));
});
await step("Glue: databases, tables, versions, partitions", async () => {
  await catalogue.send(new glue.CreateDatabaseCommand({ DatabaseInput: { Name: scratch, Description: "of one step" } }));
  const StorageDescriptor = {
    Columns: [{ Name: "a", Type: "bigint" }],
    Location: `s3://${bucket}/${scratch}/t/`,
    InputFormat: "org.apache.hadoop.mapred.TextInputFormat",
    OutputFormat: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    SerdeInfo: { SerializationLibrary: "org.openx.data.jsonserde.JsonSerDe" },
  };
  const place = { DatabaseName: scratch };
  await catalogue.send(new glue.CreateTableCommand({ ...place, TableInput: { Name: "t", TableType: "EXTERNAL_TABLE", StorageDescriptor, PartitionKeys: [{ Name: "day", Type: "string" }] } }));
  await assert.rejects(catalogue.send(new glue.CreateTableCommand({ ...place, TableInput: { Name: "t", StorageDescriptor } })), glue.AlreadyExistsException);
  await store.send(new s3.PutObjectCommand({ Bucket: bucket, Key: `${scratch}/t/day=1/a.json`, Body: '{"a": 7}\n' }));
  const partition = { Values: ["1"], StorageDescriptor: { ...StorageDescriptor, Location: `s3://${bucket}/${scratch}/t/day=1/` } };
  await catalogue.send(new glue.CreatePartitionCommand({ ...place, TableName: "t", PartitionInput: partition }));
  const { Partitions } = await catalogue.send(new glue.GetPartitionsCommand({ ...place, TableName: "t", Expression: "day = '1'" }));
  assert.deepEqual(Partitions.map((one) => one.Values), [["1"]]);
  assert.deepEqual(await rows(`SELECT a, day FROM ${scratch}.t`), [["7", "1"]]);
  const { Table } = await catalogue.send(new glue.GetTableCommand({ ...place, Name: "t" }));
  assert.ok(Table.CreateTime instanceof Date);
  await catalogue.send(new glue.UpdateTableCommand({ ...place, TableInput: { Name: "t", StorageDescriptor, PartitionKeys: Table.PartitionKeys, Parameters: { owner: "us" } } }));
  assert.ok((await catalogue.send(new glue.GetTableVersionsCommand({ ...place, TableName: "t" }))).TableVersions.length >= 1);
  await catalogue.send(new glue.BatchDeletePartitionCommand({ ...place, TableName: "t", PartitionsToDelete: [{ Values: ["1"] }] }));
  await catalogue.send(new glue.DeleteTableCommand({ ...place, Name: "t" }));
  await assert.rejects(catalogue.send(new glue.GetTableCommand({ ...place, Name: "t" })), glue.EntityNotFoundException);
  await catalogue.send(new glue.DeleteDatabaseCommand({ Name: scratch }));
  const listed = [];
  for await (const page of glue.paginateGetTables({ client: catalogue, pageSize: 10 }, { DatabaseName: lake })) listed.push(...page.TableList);
  assert.ok(listed.length > 30);
});
await step("S3: put, head, range, list, copy, many parts, delete", async () => {
  const Key = `${scratch}/ä b+c.txt`;
  await store.send(new s3.PutObjectCommand({ Bucket: bucket, Key, Body: "hello", ContentType: "text/plain", Metadata: { who: "us" } }));
  const head = await store.send(new s3.HeadObjectCommand({ Bucket: bucket, Key }));
  assert.deepEqual([head.ContentLength, head.Metadata.who], [5, "us"]);
  const part = await store.send(new s3.GetObjectCommand({ Bucket: bucket, Key, Range: "bytes=1-2" }));
  assert.equal(await part.Body.transformToString(), "el");
  await store.send(new s3.CopyObjectCommand({ Bucket: bucket, Key: `${scratch}/copy`, CopySource: encodeURI(`${bucket}/${Key}`).replaceAll("+", "%2B") }));
  const { UploadId } = await store.send(new s3.CreateMultipartUploadCommand({ Bucket: bucket, Key: `${scratch}/big` }));
  const parts = [];
  for (const [index, Body] of [Buffer.alloc(5 * 1024 * 1024, "x"), "end"].entries()) {
    const { ETag } = await store.send(new s3.UploadPartCommand({ Bucket: bucket, Key: `${scratch}/big`, UploadId, PartNumber: index + 1, Body }));
    parts.push({ ETag, PartNumber: index + 1 });
  }
  await store.send(new s3.CompleteMultipartUploadCommand({ Bucket: bucket, Key: `${scratch}/big`, UploadId, MultipartUpload: { Parts: parts } }));
  assert.equal((await store.send(new s3.HeadObjectCommand({ Bucket: bucket, Key: `${scratch}/big` }))).ContentLength, 5 * 1024 * 1024 + 3);
  await assert.rejects(store.send(new s3.GetObjectCommand({ Bucket: bucket, Key: `${scratch}/nope` })), s3.NoSuchKey);
  const keys = [];
  for await (const page of s3.paginateListObjectsV2({ client: store, pageSize: 3 }, { Bucket: bucket, Prefix: `${scratch}/` })) keys.push(...(page.Contents ?? []).map((object) => object.Key));
  assert.ok(keys.includes(Key) && keys.includes(`${scratch}/copy`), keys);
  await store.send(new s3.DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys.map((key) => ({ Key: key })) } }));
  assert.equal((await store.send(new s3.ListObjectsV2Command({ Bucket: bucket, Prefix: `${scratch}/` }))).KeyCount, 0);
});
await step("what is not implemented names itself", async () => {
  const refused = async (client, command, word) => {
    await assert.rejects(client.send(command), (error) => error.$metadata.httpStatusCode === 400 && error.message.includes(word));
  };
  await refused(ask, new athena.CreateNotebookCommand({ WorkGroup: "primary", Name: "n" }), "CreateNotebook");
  await refused(ask, new athena.StartSessionCommand({ WorkGroup: "primary", EngineConfiguration: { MaxConcurrentDpus: 2 } }), "StartSession");
  await refused(catalogue, new glue.StartCrawlerCommand({ Name: "c" }), "StartCrawler");
});

console.log(`AWS SDK for JavaScript: ${passed} steps as they should be, ${failed.length} not ${failed.join(", ")}`);
process.exitCode = failed.length ? 1 : 0;
