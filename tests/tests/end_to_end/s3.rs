//! S3 on loopback, as the AWS SDK sees it.

use std::collections::BTreeSet;
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use freshet_local::{Fault, FaultOrder, Running};

use crate::running::{BUCKET, aws, s3};

async fn start(dir: &Path) -> (Running, Client) {
    let (running, config) = aws(dir).await;
    (running, s3(&config))
}

async fn put(client: &Client, key: &str, body: &[u8]) -> String {
    let put = client.put_object().bucket(BUCKET).key(key).body(ByteStream::from(body.to_vec())).send().await.unwrap();
    put.e_tag.unwrap()
}

async fn get(client: &Client, key: &str) -> Vec<u8> {
    let object = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_found_by_every_way_to_look() {
    let folder = tempfile::tempdir().unwrap();
    let (running, client) = start(folder.path()).await;
    for key in ["plain", "a/b/c.json", "with space/+plus&and=é", "dir", "dir/child", "..", "a//b", "trailing/"] {
        put(&client, key, key.as_bytes()).await;
    }
    for key in ["plain", "a/b/c.json", "with space/+plus&and=é", "dir", "dir/child", "..", "a//b", "trailing/"] {
        assert_eq!(get(&client, key).await, key.as_bytes(), "{key}");
    }
    let long = format!("long/{}", "x".repeat(1_000));
    put(&client, &long, b"long").await;
    assert_eq!(get(&client, &long).await, b"long");
    let range = client.get_object().bucket(BUCKET).key("a/b/c.json").range("bytes=2-4").send().await.unwrap();
    assert_eq!(range.content_range(), Some("bytes 2-4/10"));
    assert_eq!(range.body.collect().await.unwrap().to_vec(), b"b/c");
    let error = client.get_object().bucket(BUCKET).key("plain").range("bytes=99-").send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidRange");
    let listed = client.list_objects_v2().bucket(BUCKET).prefix("dir").delimiter("/").send().await.unwrap();
    assert_eq!(listed.contents().iter().filter_map(|object| object.key()).collect::<Vec<_>>(), ["dir"]);
    assert_eq!(listed.common_prefixes()[0].prefix(), Some("dir/"));
    assert!(listed.contents()[0].e_tag().is_some_and(|etag| etag.len() == 34));
    let error = client.get_object().bucket(BUCKET).key("nothing").send().await.unwrap_err();
    assert_eq!(code(&error), "NoSuchKey");
    let error = client.put_object().bucket("no-such-bucket").key("k").body(ByteStream::from_static(b"")).send().await.unwrap_err();
    assert_eq!(code(&error), "NoSuchBucket");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objects_bytes_lie_unchanged_below_its_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let (running, client) = start(folder.path()).await;
    put(&client, "tables/t/dt=2026-01-01/part-0.parquet", b"bytes").await;
    let path = folder.path().join("s3").join(BUCKET).join("tables/t/dt=2026-01-01/part-0.parquet");
    assert_eq!(std::fs::read(path).unwrap(), b"bytes");
    let tree: Vec<_> = std::fs::read_dir(folder.path().join("s3").join(BUCKET)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(tree, ["tables"]);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_conditional_puts_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let (running, client) = start(folder.path()).await;
    for round in 0..20 {
        let key = format!("log/{round:020}.json");
        let writers = (0..8).map(|writer| {
            let put =
                client.put_object().bucket(BUCKET).key(&key).if_none_match("*").body(ByteStream::from(format!("{writer}").into_bytes()));
            async move { (writer, put.send().await) }
        });
        let outcomes = futures::future::join_all(writers).await;
        let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(writer, _)| writer.to_string()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        assert_eq!(get(&client, &key).await, winners[0].as_bytes());
        for (_, outcome) in &outcomes {
            if let Err(error) = outcome {
                assert_eq!(code(error), "PreconditionFailed");
            }
        }
    }
    let etag = put(&client, "swap", b"one").await;
    let swap =
        |body: &'static [u8]| client.put_object().bucket(BUCKET).key("swap").if_match(&etag).body(ByteStream::from_static(body)).send();
    swap(b"two").await.unwrap();
    assert_eq!(code(&swap(b"three").await.unwrap_err()), "PreconditionFailed");
    assert_eq!(get(&client, "swap").await, b"two");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_checksum_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (running, client) = start(folder.path()).await;
    put(&client, "kept", b"old").await;
    let wrong = client.put_object().bucket(BUCKET).key("kept").checksum_crc32("AAAAAA==").body(ByteStream::from_static(b"new"));
    assert_eq!(code(&wrong.send().await.unwrap_err()), "BadDigest");
    assert_eq!(get(&client, "kept").await, b"old");
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let put =
            client.put_object().bucket(BUCKET).key("kept").checksum_algorithm(algorithm.clone()).body(ByteStream::from_static(b"new"));
        put.send().await.unwrap_or_else(|error| panic!("{algorithm:?}: {error:?}"));
        assert_eq!(get(&client, "kept").await, b"new");
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_multipart_upload_is_one_object_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (running, client) = start(folder.path()).await;
    put(&client, "large", b"what was there").await;
    let upload = client.create_multipart_upload().bucket(BUCKET).key("large").send().await.unwrap();
    let id = upload.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, piece) in [(1, vec![b'a'; 5 * 1024 * 1024]), (2, vec![b'b'; 1_000])] {
        let part = client
            .upload_part()
            .bucket(BUCKET)
            .key("large")
            .upload_id(id)
            .part_number(number)
            .body(ByteStream::from(piece))
            .send()
            .await
            .unwrap();
        parts.push(CompletedPart::builder().part_number(number).e_tag(part.e_tag.unwrap()).build());
    }
    assert_eq!(get(&client, "large").await, b"what was there");
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let done = client.complete_multipart_upload().bucket(BUCKET).key("large").upload_id(id).multipart_upload(parts).send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-2\""));
    let bytes = get(&client, "large").await;
    assert_eq!((bytes.len(), bytes[0], bytes[bytes.len() - 1]), (5 * 1024 * 1024 + 1_000, b'a', b'b'));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_name_every_key_once_and_deletes_remove_them() {
    let folder = tempfile::tempdir().unwrap();
    let (running, client) = start(folder.path()).await;
    let keys: BTreeSet<String> = (0..250).map(|place| format!("page/{place:04}")).collect();
    futures::future::join_all(keys.iter().map(|key| put(&client, key, b""))).await;
    let mut found = BTreeSet::new();
    let mut pages = client.list_objects_v2().bucket(BUCKET).prefix("page/").max_keys(100).into_paginator().send();
    while let Some(page) = pages.next().await {
        found.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    assert_eq!(found, keys);
    let identifiers = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(identifiers.collect())).build().unwrap();
    client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!(client.list_objects_v2().bucket(BUCKET).send().await.unwrap().key_count(), Some(0));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart_and_a_fault_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let (running, client) = start(folder.path()).await;
    let etag = put(&client, "stays", b"here").await;
    running.stop().await.unwrap();
    let (running, client) = start(folder.path()).await;
    let head = client.head_object().bucket(BUCKET).key("stays").send().await.unwrap();
    assert_eq!(head.e_tag(), Some(etag.as_str()));
    running.order_fault(FaultOrder {
        service: "s3".to_owned(),
        operation: "GetObject".to_owned(),
        times: 1,
        fault: Fault::Error { status: 403, code: "AccessDenied".to_owned() },
    });
    let error = client.get_object().bucket(BUCKET).key("stays").send().await.unwrap_err();
    assert_eq!(code(&error), "AccessDenied");
    assert_eq!(get(&client, "stays").await, b"here");
    running.stop().await.unwrap();
}
