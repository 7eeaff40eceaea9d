use super::*;
use crate::server::destination::LineFile;
use crate::sys::append::open_append;
use crate::sys::temporary::Directory;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;

fn ignore() -> OnLoss {
    Box::new(|_| Vec::new())
}

#[test]
fn what_is_queued_is_written_when_the_log_ends() {
    let folder = Directory::new();
    let path = folder.at("log");
    let log = Background::start("log", &Destination::File(path.clone()), ignore()).unwrap();
    log.write(b"one\n");
    log.write(b"two\n");
    drop(log);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "one\ntwo\n");
}

#[test]
fn nobody_waits_for_a_pipe_that_is_not_read_and_what_is_lost_is_counted() {
    let (mut reader, writer) = io::pipe().unwrap();
    let (report, reports) = mpsc::channel();
    let on_loss: OnLoss = Box::new(move |loss| match loss {
        Loss::Begins(_) => Vec::new(),
        Loss::Ends { lines, .. } => {
            report.send(lines).unwrap();
            b"lost\n".to_vec()
        }
    });
    let file = File::from(std::os::fd::OwnedFd::from(writer));
    let log = Background::start_on("log", Sink::Lines(LineFile::new(file)), on_loss).unwrap();
    let line = [[b'x'; 999].as_slice(), b"\n"].concat();
    const LINES: usize = 3_000;
    for _ in 0..LINES {
        log.write(&line);
    }
    let text = thread::scope(|scope| {
        let read = scope.spawn(|| {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        drop(log);
        read.join().unwrap()
    });
    // Room may come and go while lines are still written, so that there may be several losses, with lines
    // between them.
    let losses: Vec<u64> = reports.try_iter().collect();
    let whole = text.lines().filter(|line| line.len() == 999).count();
    let reported = text.lines().filter(|line| *line == "lost").count();
    assert_eq!((whole + reported, reported), (text.lines().count(), losses.len()));
    assert_eq!(whole as u64 + losses.iter().sum::<u64>(), LINES as u64);
    assert!(reported > 0, "nothing was lost");
}

#[test]
fn the_end_of_a_log_writes_what_was_lost_within_the_last_minute() {
    let folder = Directory::new();
    let path = folder.at("log");
    let on_loss: OnLoss = Box::new(|loss| match loss {
        Loss::Begins(_) => Vec::new(),
        Loss::Ends { lines, .. } => format!("{lines} are lost\n").into_bytes(),
    });
    let log = Background::start("log", &Destination::File(path.clone()), on_loss).unwrap();
    let too_long = [b"x".repeat(QUEUE_BYTES_MAX).as_slice(), b"\n"].concat();
    for _ in 0..2 {
        log.write(&too_long);
        log.finish(Duration::from_secs(20));
    }
    drop(log);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "1 are lost\n1 are lost\n");
}

#[test]
fn the_end_of_a_log_that_nobody_reads_is_bounded() {
    let (_reader, writer) = io::pipe().unwrap();
    let file = File::from(std::os::fd::OwnedFd::from(writer));
    let log = Background::start_on("log", Sink::Lines(LineFile::new(file)), ignore()).unwrap();
    log.write(&b"a line\n".repeat(20_000));
    let began = Instant::now();
    drop(log);
    assert!(began.elapsed() < FINISH_TIME + Duration::from_secs(4));
}

#[test]
fn a_line_that_somebody_has_torn_is_ended_before_the_next() {
    let folder = Directory::new();
    let path = folder.at("log");
    std::fs::write(&path, "one\ntor").unwrap();
    let log = Background::start("log", &Destination::File(path.clone()), ignore()).unwrap();
    log.write(b"two\n");
    log.finish(Duration::from_secs(20));
    // Another process runs out of room while this one goes on.
    open_append(&path).unwrap().write_all(b"torn").unwrap();
    log.write(b"three\n");
    drop(log);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "one\ntor\ntwo\ntorn\nthree\n");
}

#[test]
fn a_fifo_is_opened_before_its_reader_has_come() {
    let folder = Directory::new();
    let path = folder.at("log");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let log = Background::start("log", &Destination::File(path.clone()), ignore()).unwrap();
    log.write(b"a line\n");
    let mut reader = File::open(&path).unwrap();
    let mut text = [0; 7];
    reader.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"a line\n");
}

#[test]
fn a_log_that_cannot_be_written_is_reported_once_and_what_is_lost_is_counted() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (report, reports) = mpsc::channel();
    let on_loss: OnLoss = Box::new(move |loss| {
        let lines = match loss {
            Loss::Begins(_) => None,
            Loss::Ends { lines, .. } => Some(lines),
        };
        report.send(lines).unwrap();
        Vec::new()
    });
    let log = Background::start_on("log", Sink::Lines(LineFile::new(full)), on_loss).unwrap();
    for _ in 0..3 {
        log.write(b"one\ntwo\n");
        log.finish(Duration::from_secs(20));
    }
    drop(log);
    assert_eq!(reports.iter().collect::<Vec<_>>(), [None, Some(6)]);
}

#[test]
fn a_log_that_is_reopened_goes_on_in_a_new_file() {
    let folder = Directory::new();
    let (path, moved) = (folder.at("log"), folder.at("log.1"));
    let log = Background::start("log", &Destination::File(path.clone()), ignore()).unwrap();
    let log = Arc::new(log);
    log.write(b"one\n");
    log.finish(Duration::from_secs(20));
    std::fs::rename(&path, &moved).unwrap();
    log.reopen().wait(Duration::from_secs(20)).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "it is there before any line");
    log.write(b"two\n");
    drop(log);
    let read = |path| std::fs::read_to_string(path).unwrap();
    assert_eq!((read(&moved), read(&path)), ("one\n".to_owned(), "two\n".to_owned()));
}

#[test]
fn a_log_that_is_opened_again_says_what_came_of_it() {
    let folder = Directory::new();
    let (directory, moved) = (folder.at("logs"), folder.at("elsewhere"));
    std::fs::create_dir(&directory).unwrap();
    let destination = Destination::File(directory.join("log"));
    let log = Arc::new(Background::start("log", &destination, ignore()).unwrap());
    std::fs::rename(&directory, &moved).unwrap();
    let failure = log.reopen().wait(Duration::from_secs(20)).unwrap_err();
    assert!(failure.contains("there is no directory"), "{failure}");
    std::fs::create_dir(&directory).unwrap();
    log.reopen().wait(Duration::from_secs(20)).unwrap();
    assert!(directory.join("log").exists());
    // Its thread waits for a reader.
    let (_reader, writer) = io::pipe().unwrap();
    let file = File::from(std::os::fd::OwnedFd::from(writer));
    let log = Background::start_on("x", Sink::Lines(LineFile::new(file)), ignore()).unwrap();
    log.write(&b"a line\n".repeat(20_000));
    // The thread tells nobody that it begins to write.
    let began = Instant::now();
    while !log.queue.lock().is_writing {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing is written");
        thread::yield_now();
    }
    let failure = Arc::new(log).reopen().wait(Duration::from_millis(1)).unwrap_err();
    assert_eq!(failure, "the log x was not opened again within 1ms: it takes nothing");
}

#[test]
fn a_log_that_is_too_slow_says_so_at_once_and_then_once_a_minute() {
    let on_loss: OnLoss = Box::new(|loss| match loss {
        Loss::Begins(_) => Vec::new(),
        Loss::Ends { lines, .. } => format!("{lines} are lost").into_bytes(),
    });
    let mut losses = Losses { lines: 0, error: None, reported_at: None, on_loss };
    assert_eq!(losses.take(Ok(()), 3), b"3 are lost");
    for _ in 0..5 {
        assert_eq!(losses.take(Ok(()), 2), b"");
    }
    losses.reported_at = Instant::now().checked_sub(REPORTED_AGAIN);
    assert_eq!(losses.take(Ok(()), 0), b"10 are lost");
    // The end of the log tells of all.
    assert_eq!(losses.take(Ok(()), 1), b"");
    assert_eq!(losses.end(), b"1 are lost");
}
