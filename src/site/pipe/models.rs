//! The pipes between a worker and a thread in every interleaving (see [`crate::sys::sync`]).
//!
//! With these faults, one of them fails, most by waiting for ever: the worker looks whether there are bytes, or room, and
//! says only after another lock that it sleeps; a take, a push or an end does not notify; a backlog, or a reader that goes,
//! does not wake the worker.

use super::*;
use crate::sys::sync::interrupted_up_to;
use loom::thread;
use std::io::{Read, Write};

/// What the worker sleeps on until it is woken.
struct Sleep {
    is_woken: Mutex<bool>,
    changed: Condvar,
}

impl Sleep {
    fn new() -> (Arc<Sleep>, Wake) {
        let sleep = Arc::new(Sleep { is_woken: Mutex::new(false), changed: Condvar::new() });
        let wakes = Arc::clone(&sleep);
        let wake = move || {
            *wakes.lock() = true;
            wakes.changed.notify_one();
        };
        (sleep, Box::new(wake))
    }

    fn sleep(&self) {
        let mut is_woken = self.lock();
        while !std::mem::take(&mut *is_woken) {
            is_woken = self.changed.wait(is_woken).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fills a pipe.
fn full() -> Vec<u8> {
    vec![b'x'; PIPE_BYTES_MAX]
}

#[test]
fn what_a_thread_writes_reaches_a_worker_that_sleeps_whenever_there_is_nothing() {
    interrupted_up_to(3, || {
        let (sleep, wake) = Sleep::new();
        let (mut writer, mut outlet) = to_worker(wake);
        let thread = thread::spawn(move || {
            for piece in [b"one", b"two"] {
                writer.write_all(piece).expect("the worker reads");
                writer.flush().expect("the worker reads");
            }
            writer.finish().expect("the worker reads");
        });
        let mut taken = Vec::new();
        loop {
            match outlet.take() {
                Piece::Bytes(piece) => taken.extend(piece),
                Piece::NotYet => sleep.sleep(),
                Piece::End => break,
                Piece::Broken => panic!("it did not break"),
            }
        }
        assert_eq!(taken, b"onetwo");
        thread.join().expect("it does not panic");
    });
}

#[test]
fn a_thread_that_waits_for_room_in_a_full_pipe_gets_it_or_learns_that_the_worker_has_gone() {
    for goes in [false, true] {
        interrupted_up_to(3, move || {
            let (sleep, wake) = Sleep::new();
            let (mut writer, mut outlet) = to_worker(wake);
            {
                let mut state = outlet.shared.lock();
                state.pieces.push_back(full());
                state.bytes = PIPE_BYTES_MAX;
            }
            let thread = thread::spawn(move || {
                let written = writer.write_all(b"more").and_then(|()| writer.flush());
                written.and_then(|()| writer.finish())
            });
            if goes {
                drop(outlet);
                let error = thread.join().expect("it does not panic").expect_err("nobody reads");
                assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
                return;
            }
            let mut taken = 0;
            loop {
                match outlet.take() {
                    Piece::Bytes(piece) => taken += piece.len(),
                    Piece::NotYet => sleep.sleep(),
                    Piece::End => break,
                    Piece::Broken => panic!("it did not break"),
                }
            }
            assert_eq!(taken, PIPE_BYTES_MAX + 4);
            thread.join().expect("it does not panic").expect("the worker reads");
        });
    }
}

/// Sooner or later it has to be moved to the disk, whether the client reads or not.
#[test]
fn a_worker_whose_client_reads_nothing_is_woken_for_a_backlog_and_for_the_end() {
    interrupted_up_to(3, || {
        let (sleep, wake) = Sleep::new();
        let (mut writer, mut outlet) = to_worker(wake);
        let thread = thread::spawn(move || {
            for _ in 0..BACKLOG_BYTES / PIECE_BYTES {
                writer.write_all(&[b'x'; PIECE_BYTES]).expect("the worker reads");
                writer.flush().expect("the worker reads");
            }
            writer
        });
        let mut moved = Vec::new();
        while moved.is_empty() {
            moved = outlet.take_backlog();
            if moved.is_empty() {
                sleep.sleep();
            }
        }
        assert_eq!(moved.concat().len(), BACKLOG_BYTES);
        assert!(outlet.take_backlog().is_empty());
        drop(thread.join().expect("it does not panic"));
        assert_eq!(outlet.take(), Piece::Broken);
    });
}

#[test]
fn what_the_worker_pushes_reaches_a_thread_that_waits_whole_or_as_broken_off() {
    for breaks in [false, true] {
        interrupted_up_to(3, move || {
            let (_sleep, wake) = Sleep::new();
            let (inlet, mut reader) = to_thread(wake);
            let first = thread::spawn(move || {
                let mut body = vec![0; 3];
                reader.read_exact(&mut body).expect("so much comes");
                (reader, body)
            });
            inlet.push(b"one");
            // It waits for no more than that.
            let (mut reader, mut body) = first.join().expect("it does not panic");
            let thread = thread::spawn(move || reader.read_to_end(&mut body).map(|_| body));
            inlet.push(b"two");
            if !breaks {
                inlet.finish();
            }
            drop(inlet);
            let read = thread.join().expect("it does not panic");
            match breaks {
                false => assert_eq!(read.expect("it is whole"), b"onetwo"),
                true => {
                    let error = read.expect_err("it is not whole");
                    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
                }
            }
        });
    }
}

#[test]
fn a_worker_that_waits_for_room_is_woken_by_a_reader_and_by_one_that_goes() {
    for goes in [false, true] {
        interrupted_up_to(3, move || {
            let (sleep, wake) = Sleep::new();
            let (inlet, mut reader) = to_thread(wake);
            inlet.push(&full());
            let thread = thread::spawn(move || {
                if !goes {
                    assert_eq!(reader.read(&mut [0; 3]).expect("there is something"), 3);
                }
            });
            while inlet.room() == 0 {
                sleep.sleep();
            }
            inlet.push(b"more");
            thread.join().expect("it does not panic");
            assert_eq!((inlet.room(), inlet.shared.lock().bytes), (PIPE_BYTES_MAX, 0));
        });
    }
}
