use super::*;
use crate::sys::temporary::Directory;

/// While a long write is under way, the kernel shows how far it has come.
#[test]
fn a_line_that_another_process_is_writing_is_not_taken_for_a_torn_one() {
    const WRITERS: usize = 3;
    const ROUNDS: usize = 40;
    let folder = Directory::new();
    let path = folder.at("log");
    let line = [vec![b'x'; 99], vec![b'\n']].concat();
    let lines = line.repeat(2_000);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let mut log = LineFile::new(open_append(&path).unwrap());
                for _ in 0..ROUNDS {
                    assert!(log.write_lines(&lines).is_ok());
                }
            });
        }
    });
    let text = std::fs::read(&path).unwrap();
    assert!(text.chunks(line.len()).all(|found| found == line), "a line is torn or empty");
    assert_eq!(text.len(), lines.len() * ROUNDS * WRITERS);
}

#[test]
fn what_goes_to_a_pipe_is_cut_between_lines() {
    let line = |length: usize| [vec![b'x'; length - 1], vec![b'\n']].concat();
    let lengths = |lines: &[usize]| {
        let bytes: Vec<u8> = lines.iter().flat_map(|length| line(*length)).collect();
        let mut rest = &bytes[..];
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let piece = first_lines(rest);
            pieces.push(piece.len());
            rest = &rest[piece.len()..];
        }
        pieces
    };
    assert_eq!(lengths(&[100, 200]), [300]);
    assert_eq!(lengths(&[4096, 1]), [4096, 1]);
    assert_eq!(lengths(&[2000, 2000, 2000, 96]), [4000, 2096]);
    assert_eq!(lengths(&[9000, 100]), [9000, 100]);
    assert_eq!(first_lines(&[b'x'; 5000]).len(), 5000);
}

#[test]
fn a_file_that_was_renamed_or_removed_is_left_for_a_new_one() {
    let folder = Directory::new();
    let (path, moved) = (folder.at("log"), folder.at("log.1"));
    let mut log = LineFile::open(&path).unwrap();
    assert!(log.write_lines(b"one\n").is_ok());
    std::fs::rename(&path, &moved).unwrap();
    log.follow(true).unwrap();
    assert!(log.write_lines(b"two\n").is_ok());
    std::fs::remove_file(&path).unwrap();
    log.seen_at = None;
    log.follow(false).unwrap();
    assert!(log.write_lines(b"three\n").is_ok());
    File::create(&path).unwrap();
    assert!(log.write_lines(b"four\n").is_ok());
    let read = |path| std::fs::read_to_string(path).unwrap();
    assert_eq!((read(&moved), read(&path)), ("one\n".to_owned(), "four\n".to_owned()));
}

#[test]
fn a_file_is_looked_for_once_a_second_at_most() {
    let folder = Directory::new();
    let path = folder.at("log");
    let mut log = LineFile::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    log.seen_at = Some(Instant::now() + Duration::from_secs(3600));
    log.follow(false).unwrap();
    assert!(!path.exists());
    log.follow(true).unwrap();
    assert!(path.exists());
}

#[test]
fn what_cannot_be_opened_again_leaves_lines_where_they_went() {
    let folder = Directory::new();
    let (directory, moved) = (folder.at("logs"), folder.at("elsewhere"));
    std::fs::create_dir(&directory).unwrap();
    let mut log = LineFile::open(&directory.join("log")).unwrap();
    std::fs::rename(&directory, &moved).unwrap();
    let failure = log.follow(true).unwrap_err();
    assert!(failure.contains("logs/log") && failure.contains("there is no directory"), "{failure}");
    assert!(log.write_lines(b"one\n").is_ok());
    assert_eq!(std::fs::read_to_string(moved.join("log")).unwrap(), "one\n");
}
