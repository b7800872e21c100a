//! What the store keeps and refuses, and what a kill at a bad moment leaves.

use bytes::Bytes;

use super::*;

const BUCKET: &str = "bucket";

fn open(folder: &Path) -> Store {
    let store = Store::open(folder).unwrap();
    store.create_bucket(BUCKET).unwrap();
    store
}

async fn put(store: &Store, key: &str, body: &'static [u8], condition: &Condition) -> Result<ObjectInfo, Refusal> {
    store.put(BUCKET, key, &[Bytes::from_static(body)], Attributes::default(), condition).await
}

fn read(store: &Store, key: &str) -> Vec<u8> {
    std::fs::read(store.find(BUCKET, key).unwrap().0).unwrap()
}

fn keys(store: &Store, listing: &Listing) -> Vec<String> {
    store.list(BUCKET, listing).unwrap().objects.into_iter().map(|info| info.key).collect()
}

#[tokio::test]
async fn what_was_being_written_is_gone_after_a_kill_and_what_was_written_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    put(&store, "done", b"all of it", &Condition::None).await.unwrap();
    let mut pending = store.begin().await.unwrap();
    pending.write(b"half of").await.unwrap();
    pending.sync().await.unwrap();
    // A kill runs no destructor.
    std::mem::forget(pending);
    let store = open(folder.path());
    assert_eq!(read(&store, "done"), b"all of it");
    assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_description_that_does_not_fit_its_file_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let before = put(&store, "a/b", b"old", &Condition::None).await.unwrap();
    // A kill between the two renames: new bytes, old description.
    std::fs::write(folder.path().join("s3").join(BUCKET).join("a/b"), b"newer").unwrap();
    let (_, info) = store.find(BUCKET, "a/b").unwrap();
    assert_ne!(info.etag, before.etag);
    assert_eq!((info.size, info.etag.as_str()), (5, "0c10f4a0c12ba89211235026b861263d"));
}

#[tokio::test]
async fn conditions_hold_at_the_moment_of_the_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let first = put(&store, "k", b"1", &Condition::Absent).await.unwrap();
    assert!(matches!(put(&store, "k", b"2", &Condition::Absent).await, Err(Refusal::PreconditionFailed)));
    assert!(matches!(put(&store, "other", b"2", &Condition::Is(first.etag.clone())).await, Err(Refusal::NoSuchKey)));
    put(&store, "k", b"2", &Condition::Is(first.etag.clone())).await.unwrap();
    assert!(matches!(store.delete(BUCKET, "k", &Condition::Is(first.etag)).await, Err(Refusal::PreconditionFailed)));
    assert_eq!(read(&store, "k"), b"2");
}

#[tokio::test]
async fn keys_that_no_path_can_be_are_objects_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let long = "x".repeat(600);
    let odd = ["../escape", "a//b", "dir", "dir/child", "dir/child/grandchild", "/front", "back/", long.as_str()];
    for key in odd {
        put(&store, key, b"odd", &Condition::None).await.unwrap();
    }
    let mut expected: Vec<String> = odd.iter().map(|key| (*key).to_owned()).collect();
    expected.sort();
    assert_eq!(keys(&store, &Listing { limit: 100, ..Listing::default() }), expected);
    for key in odd {
        store.delete(BUCKET, key, &Condition::None).await.unwrap();
    }
    assert!(keys(&store, &Listing { limit: 100, ..Listing::default() }).is_empty());
    assert!(!folder.path().join("escape").exists());
}

#[tokio::test]
async fn pages_of_any_size_name_every_key_and_group_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for key in ["a", "a-", "a/1", "a/2", "a0", "b/c/1", "b/c/2", "b/d", "c"] {
        put(&store, key, b"", &Condition::None).await.unwrap();
    }
    for limit in 1..6 {
        let mut listing = Listing { delimiter: Some("/".to_owned()), limit, ..Listing::default() };
        let (mut objects, mut groups) = (Vec::new(), Vec::new());
        loop {
            let page = store.list(BUCKET, &listing).unwrap();
            objects.extend(page.objects.into_iter().map(|info| info.key));
            groups.extend(page.groups);
            match page.next {
                Some(next) => listing.after = next,
                None => break,
            }
        }
        assert_eq!(objects, ["a", "a-", "a0", "c"], "{limit}");
        assert_eq!(groups, ["a/", "b/"], "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_can_be_put_while_its_neighbours_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                let key = format!("landing/2026/01/01/{writer}");
                put(&store, &key, b"line", &Condition::None).await.unwrap();
                store.delete(BUCKET, &key, &Condition::None).await.unwrap();
            }
        })
    });
    for outcome in futures::future::join_all(writers).await {
        outcome.unwrap();
    }
}
