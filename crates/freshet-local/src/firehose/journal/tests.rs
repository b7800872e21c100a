//! What the journal promises, on a folder of its own.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::segment::SegmentReader;
use super::*;

const LATER: Duration = Duration::from_hours(1);

struct Opened {
    journal: Journal,
    work: mpsc::UnboundedReceiver<Work>,
}

fn open(folder: &Path, bytes: u64, age: Duration) -> Opened {
    let (sender, work) = mpsc::unbounded_channel();
    let journal = Journal::open(folder, Buffering { bytes, age }, sender, Arc::default()).unwrap();
    Opened { journal, work }
}

fn entries(texts: &[&str]) -> Vec<Entry> {
    texts.iter().map(|text| Entry { arrival: 1, data: text.as_bytes().to_vec() }).collect()
}

async fn segment(work: &mut mpsc::UnboundedReceiver<Work>) -> Segment {
    match work.recv().await.unwrap() {
        Work::Deliver(segment) => segment,
        Work::Answer(_) => panic!("an answer came before the segment"),
    }
}

fn read(path: &Path) -> Vec<String> {
    let mut reader = SegmentReader::open(path).unwrap();
    let mut texts = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        texts.push(String::from_utf8(entry.data).unwrap());
    }
    texts
}

/// Copies a folder as a crash would leave it.
fn crash(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for item in fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        fs::copy(item.path(), copy.path().join(item.file_name())).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_is_acknowledged_is_there_after_a_crash_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), 1_000_000, LATER);
    opened.journal.append(entries(&["a", "b"])).await.unwrap();
    opened.journal.append(entries(&["c"])).await.unwrap();
    let image = crash(folder.path());
    let mut again = open(image.path(), 1_000_000, LATER);
    let left = segment(&mut again.work).await;
    assert_eq!(read(&left.path), ["a", "b", "c"]);
    assert_eq!(again.journal.undelivered(), left.bytes);
}

#[tokio::test]
async fn a_restart_writes_to_a_new_segment_even_behind_a_torn_one() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), 1_000_000, LATER).journal.append(entries(&["a", "b"])).await.unwrap();
    let image = crash(folder.path());
    let file = segments(image.path()).unwrap().remove(0);
    OpenOptions::new().write(true).open(&file.path).unwrap().set_len(file.bytes - 1).unwrap();
    let mut again = open(image.path(), 1_000_000, LATER);
    again.journal.append(entries(&["c"])).await.unwrap();
    let image = crash(image.path());
    let last = open(image.path(), 1_000_000, LATER);
    again.work = last.work;
    assert_eq!(read(&segment(&mut again.work).await.path), ["a"]);
    assert_eq!(read(&segment(&mut again.work).await.path), ["c"]);
}

#[tokio::test]
async fn a_full_buffer_is_handed_over_and_is_no_larger_than_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path(), 100, LATER);
    for text in ["a".repeat(40), "b".repeat(40), "c".repeat(200)] {
        opened.journal.append(entries(&[&text])).await.unwrap();
    }
    for letter in ["a", "b"] {
        let sealed = segment(&mut opened.work).await;
        assert_eq!(read(&sealed.path), [letter.repeat(40)]);
        assert_eq!(sealed.bytes, fs::metadata(&sealed.path).unwrap().len());
    }
    assert_eq!(read(&segment(&mut opened.work).await.path), ["c".repeat(200)], "a call above the size is a buffer of its own");
}

#[tokio::test]
async fn an_old_buffer_is_handed_over_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path(), 1_000_000, Duration::from_millis(1));
    opened.journal.append(entries(&["a"])).await.unwrap();
    assert_eq!(read(&segment(&mut opened.work).await.path), ["a"]);
}

#[tokio::test]
async fn a_flush_hands_over_and_then_asks_for_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let Opened { journal, mut work } = open(folder.path(), 1_000_000, LATER);
    journal.append(entries(&["a"])).await.unwrap();
    let flush = tokio::spawn(async move { journal.flush().await });
    assert_eq!(read(&segment(&mut work).await.path), ["a"]);
    match work.recv().await.unwrap() {
        Work::Answer(reply) => reply.send(Ok(())).unwrap(),
        Work::Deliver(_) => panic!("one segment was written"),
    }
    flush.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_calls_are_all_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), 2_000, LATER);
    let texts: Vec<String> = (0..400).map(|number| format!("record {number}")).collect();
    let calls = texts.iter().map(|text| opened.journal.append(entries(&[text])));
    for result in join_all(calls).await {
        result.unwrap();
    }
    let read: Vec<String> = segments(folder.path()).unwrap().iter().flat_map(|segment| read(&segment.path)).collect();
    assert_eq!(read.len(), texts.len());
    assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), texts.into_iter().collect());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_refuses_and_recovers() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("journal");
    let opened = open(&folder, 1_000_000, LATER);
    fs::remove_dir(&folder).unwrap();
    opened.journal.append(entries(&["a"])).await.unwrap_err();
    fs::create_dir(&folder).unwrap();
    opened.journal.append(entries(&["b"])).await.unwrap();
    let texts: Vec<String> = segments(&folder).unwrap().iter().flat_map(|segment| read(&segment.path)).collect();
    assert_eq!(texts, ["b"]);
}
