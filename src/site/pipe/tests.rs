use super::*;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

fn counted() -> (Wake, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let wake = move || {
        counter.fetch_add(1, Ordering::SeqCst);
    };
    (Box::new(wake), count)
}

/// A wake that the test can wait for.
fn awaited() -> (Wake, mpsc::Receiver<()>) {
    let (sender, receiver) = mpsc::channel();
    let wake = move || {
        let _ = sender.send(());
    };
    (Box::new(wake), receiver)
}

#[test]
fn what_a_thread_writes_the_worker_takes_in_order_and_to_its_end() {
    let (wake, woken) = awaited();
    let (mut writer, mut outlet) = to_worker(wake);
    let bytes: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let expected = bytes.clone();
    let thread = thread::spawn(move || {
        writer.write_all(&bytes).expect("the worker reads");
        writer.finish().expect("the worker reads");
    });
    let mut taken = Vec::new();
    loop {
        match outlet.take() {
            Piece::Bytes(piece) => taken.extend_from_slice(&piece),
            Piece::NotYet => woken.recv().expect("the thread lives"),
            Piece::End => break,
            Piece::Broken => panic!("it did not break"),
        }
    }
    thread.join().expect("it does not panic");
    assert!(taken == expected);
}

#[test]
fn a_thread_waits_for_a_worker_that_takes_nothing_and_no_more_is_kept() {
    let (wake, _) = counted();
    let (mut writer, outlet) = to_worker(wake);
    let written = Arc::new(AtomicUsize::new(0));
    let progress = Arc::clone(&written);
    let thread = thread::spawn(move || {
        let piece = [0; PIECE_BYTES];
        while writer.write_all(&piece).is_ok() {
            progress.fetch_add(PIECE_BYTES, Ordering::SeqCst);
        }
    });
    let full = PIPE_BYTES_MAX + PIECE_BYTES;
    while written.load(Ordering::SeqCst) < full {
        thread::yield_now();
    }
    assert_eq!(outlet.shared.lock().bytes, PIPE_BYTES_MAX);
    assert_eq!(written.load(Ordering::SeqCst), full);
    drop(outlet);
    thread.join().expect("a writer without a reader gets an error");
}

#[test]
fn a_writer_that_goes_without_a_word_has_broken_off() {
    let (wake, count) = counted();
    let (mut writer, mut outlet) = to_worker(wake);
    assert_eq!(outlet.take(), Piece::NotYet);
    writer.write_all(b"half").expect("there is room");
    writer.flush().expect("there is room");
    drop(writer);
    assert_eq!(outlet.take(), Piece::Bytes(b"half".to_vec()));
    assert_eq!(outlet.take(), Piece::Broken);
    assert_eq!(count.load(Ordering::SeqCst), 1, "woken once, for it waited once");
}

#[test]
fn a_thread_reads_what_the_worker_pushes_and_frees_its_room() {
    let (wake, woken) = awaited();
    let (inlet, mut reader) = to_thread(wake);
    inlet.push(&vec![b'x'; PIPE_BYTES_MAX]);
    assert_eq!(inlet.room(), 0);
    let thread = thread::spawn(move || {
        let mut content = Vec::new();
        reader.read_to_end(&mut content).map(|_| content)
    });
    woken.recv().expect("the reader makes room");
    assert!(inlet.room() > 0);
    inlet.push(b"end");
    inlet.finish();
    drop(inlet);
    let content = thread.join().expect("it does not panic").expect("it is whole");
    assert_eq!(content.len(), PIPE_BYTES_MAX + 3);
    assert!(content.ends_with(b"xend"));
}

#[test]
fn a_body_that_breaks_off_is_an_error_to_its_reader() {
    let (wake, _) = counted();
    let (inlet, mut reader) = to_thread(wake);
    inlet.push(b"half");
    drop(inlet);
    let mut content = Vec::new();
    let error = reader.read_to_end(&mut content).expect_err("it is not whole");
    assert_eq!((error.kind(), &content[..]), (io::ErrorKind::UnexpectedEof, &b"half"[..]));
}

#[test]
fn a_body_that_nobody_reads_any_more_is_dropped_and_the_worker_goes_on() {
    let (wake, count) = counted();
    let (inlet, reader) = to_thread(wake);
    inlet.push(&vec![b'x'; PIPE_BYTES_MAX]);
    assert_eq!(inlet.room(), 0);
    drop(reader);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(inlet.room() > 0);
    inlet.push(b"more");
    assert_eq!(inlet.shared.lock().bytes, 0);
}

#[test]
fn a_sender_within_the_worker_learns_what_was_taken() {
    let drained = Arc::new(Mutex::new(Vec::new()));
    let pipe = || {
        let drained = Arc::clone(&drained);
        within_worker(Box::new(move |taken| drained.lock().expect("one thread").push(taken)))
    };
    let (feeder, mut outlet) = pipe();
    assert_eq!(outlet.take(), Piece::NotYet);
    assert!(feeder.push(b"one".to_vec()), "the worker waits for it");
    assert!(!feeder.push(b"three".to_vec()), "it is woken once");
    assert_eq!(outlet.take(), Piece::Bytes(b"onethree".to_vec()));
    assert!(!feeder.finish());
    assert_eq!(outlet.take(), Piece::End);
    drop(outlet);
    let (feeder, outlet) = pipe();
    drop(outlet);
    assert!(!feeder.push(b"too late".to_vec()));
    let (feeder, mut outlet) = pipe();
    feeder.push(b"all".to_vec());
    feeder.finish();
    assert_eq!(outlet.take(), Piece::Bytes(b"all".to_vec()), "its sender waits for no report");
    let (feeder, mut outlet) = pipe();
    assert_eq!(outlet.take(), Piece::NotYet);
    assert!(feeder.break_off());
    assert_eq!(outlet.take(), Piece::Broken);
    let drained = drained.lock().expect("one thread");
    assert_eq!(*drained, [Drained::Bytes(8), Drained::NoMore]);
}

#[test]
fn a_worker_can_be_woken_when_a_writer_may_soon_have_to_wait() {
    let (wake, count) = counted();
    let (mut writer, mut outlet) = to_worker(wake);
    assert!(outlet.take_backlog().is_empty());
    writer.write_all(&[b'x'; BACKLOG_BYTES - 1]).expect("there is room");
    writer.flush().expect("there is room");
    assert!(outlet.take_backlog().is_empty());
    assert_eq!(count.load(Ordering::SeqCst), 0, "there is less");
    writer.write_all(b"x").expect("there is room");
    writer.flush().expect("there is room");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(outlet.take_backlog().concat().len(), BACKLOG_BYTES);
    writer.finish().expect("the worker reads");
    assert!(outlet.take_backlog().is_empty(), "no writer is left that could wait");
    assert_eq!(outlet.take(), Piece::End);
}

#[test]
fn many_small_pieces_are_few() {
    let (wake, _) = counted();
    let (mut writer, outlet) = to_worker(wake);
    for _ in 0..PIECE_BYTES * 2 {
        writer.write_all(b"x").expect("there is room");
        writer.flush().expect("there is room");
    }
    let (feeder, fed) = within_worker(Box::new(|_| {}));
    for _ in 0..PIECE_BYTES * 2 {
        feeder.push(b"x".to_vec());
    }
    for outlet in [outlet, fed] {
        let state = outlet.shared.lock();
        assert_eq!((state.bytes, state.pieces.len()), (PIECE_BYTES * 2, 2));
    }
}
