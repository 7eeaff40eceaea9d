//! Many who change the same at the same time.

use super::*;

/// Everybody adds one to a number in a file, and only where it is the one that he has seen.
#[test]
fn no_update_is_lost_among_many() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 40;
    for make in EACH_WAY {
        let rules =
            WriteRules::default().durability(Durability::Never).lock_wait(Duration::from_secs(60));
        let site = WritableFixture::new(make, rules);
        site.store("counter", &text(0));
        // Each thread has a value of its own, as another process would.
        let root = Root::open(site.around.at("root")).expect("it is there");
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let own = make(root.clone(), rules);
                    for _ in 0..ROUNDS {
                        add_one(&own, &site);
                    }
                });
            }
        });
        assert_eq!(number(&site.read("counter")), THREADS * ROUNDS);
        assert_eq!(site.names(), ["counter"]);
    }
}

fn add_one(root: &WritableRoot, site: &WritableFixture) {
    loop {
        let open = std::fs::File::open(site.around.at("root/counter")).expect("it is always there");
        let identity = file::identity(open.as_fd()).expect("it can be asked");
        let version = FileVersion::of(&identity, open.as_fd(), SystemTime::now());
        let read = std::io::read_to_string(&open).expect("it can be read");
        let mut upload = root.upload(b"counter").expect("there is room");
        upload.write(text(number(&read) + 1).as_bytes()).expect("there is room");
        match upload
            .commit(&Preconditions::if_match(version.etag().expect("it has one").as_bytes()))
        {
            Ok(_) => return,
            Err(WriteError::PreconditionFailed(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A number at both ends of more than a page, so that a torn file shows.
fn text(number: usize) -> String {
    format!("{number}{}{number}", "-".repeat(10_000 + number))
}

fn number(text: &str) -> usize {
    let (first, rest) = text.split_once('-').expect("it is one of ours");
    let number = first.parse().expect("it is a number");
    assert_eq!(rest.trim_start_matches('-'), first);
    assert_eq!(text.len(), 10_000 + number + 2 * first.len());
    number
}

/// Of several clients with `If-None-Match: *`, one creates the file.
#[test]
fn of_many_who_create_a_file_one_does() {
    for make in EACH_WAY {
        let site = WritableFixture::new(make, WriteRules::default().durability(Durability::Never));
        for round in 0..20 {
            let created: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..6)
                    .map(|_| {
                        let site = &site;
                        scope.spawn(move || {
                            let only_new = Preconditions::if_none_match(b"*");
                            usize::from(site.put(&format!("f{round}"), "x", &only_new).is_ok())
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().expect("none panics")).sum()
            });
            assert_eq!(created, 1, "round {round}");
        }
        assert_eq!(site.names().len(), 20);
    }
}

/// Files and directories come and go under each other's feet: each step works or is refused, and
/// nothing is left that nobody stored.
#[test]
fn directories_that_come_and_go_leave_nothing_behind() {
    for make in EACH_WAY {
        let rules = WriteRules::default()
            .missing_directories(MissingDirectories::Make)
            .durability(Durability::Never);
        let site = WritableFixture::new(make, rules);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let site = &site;
                scope.spawn(move || {
                    for round in 0..60 {
                        let path = format!("d/e/{}", (thread + round) % 3);
                        match site.put(&path, "x", &Preconditions::none()) {
                            Ok(_) | Err(WriteError::Conflict(Obstacle::NoDirectory)) => {}
                            Err(error) => panic!("{path}: {error}"),
                        }
                        for path in [&path, "d/e/", "d/"] {
                            match site.remove(path) {
                                Ok(()) | Err(WriteError::NotFound) => {}
                                Err(WriteError::Conflict(
                                    Obstacle::NotEmpty | Obstacle::NoDirectory,
                                )) => {}
                                Err(error) => panic!("{path}: {error}"),
                            }
                        }
                    }
                });
            }
        });
        for path in ["d/e/0", "d/e/1", "d/e/2", "d/e/", "d/"] {
            match site.remove(path) {
                Ok(()) | Err(WriteError::NotFound) => {}
                Err(error) => panic!("{path}: {error}"),
            }
        }
        assert_eq!(site.names(), [""; 0]);
    }
}
