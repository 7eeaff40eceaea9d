//! What is served while another program changes files all the time.

use super::*;

#[test]
fn while_it_is_replaced_all_the_time_each_answer_is_of_one_piece() {
    for mut site in [CacheFixture::new(), CacheFixture::unwatched()] {
        site.around.replace("root/a", vec![b'0'; 10_000]);
        let around = &site.around;
        let (files, root, now) = (&mut site.files, &site.root, site.now);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 1..300_usize {
                    around.replace("root/a", vec![b'0' + (round % 10) as u8; 10_000 + round]);
                }
            });
            while !writer.is_finished() {
                files.look();
                let Ok(Found::File(file)) = files.find(root, b"a", now, Disk::MayBlock) else {
                    panic!("it is always there")
                };
                let contents = contents(&file).into_bytes();
                let round = contents.len() - 10_000;
                assert!(contents.iter().all(|&byte| byte == b'0' + (round % 10) as u8), "{round}");
            }
        });
        assert_eq!(site.at("a").len(), 10_299);
    }
}

#[test]
fn after_the_last_write_nothing_older_is_left() {
    for mut site in [CacheFixture::new(), CacheFixture::unwatched()] {
        site.around.write("root/a", "0");
        let path = site.around.at("root/a");
        for round in 0..50 {
            let path = path.clone();
            let last = format!("{round:0>2000}");
            let text = last.clone();
            let writer = std::thread::spawn(move || std::fs::write(path, text));
            while !writer.is_finished() {
                site.at("a");
            }
            writer.join().expect("it has ended").expect("there is room");
            assert_eq!(site.at("a"), last);
        }
    }
}

/// The kernel reads a link and then looks up what it read: a name that is always there may lead
/// nowhere for a moment, when the link is flipped and the release that it led to is removed.
#[test]
fn a_name_below_a_link_is_there_however_fast_releases_come_and_go() {
    for (root, path) in [("root", "current/deep/a"), ("root/current", "deep/a")] {
        let mut site = CacheFixture::new();
        site.is_watched();
        release(&site.around, 0);
        let root = Root::open(site.around.at(root)).expect("it is there");
        let (around, files, now) = (&site.around, &mut site.files, site.now);
        while_releases_come_and_go(around, || {
            files.look();
            match files.find(&root, path.as_bytes(), now, Disk::MayBlock) {
                Ok(Found::File(_)) => {}
                other => panic!("{path} is always there: {other:?}"),
            }
        });
    }
}

/// No change of the names that lead to a root is noticed before the root is looked up.
#[test]
fn a_root_below_a_link_is_there_for_a_worker_that_knows_nothing_of_it() {
    let mut site = CacheFixture::new();
    release(&site.around, 0);
    let root = Root::open(site.around.at("root/current")).expect("it is there");
    let (around, files, now) = (&site.around, &mut site.files, site.now);
    while_releases_come_and_go(around, || {
        files.forget_everything();
        match files.find(&root, b"deep/a", now, Disk::MayBlock) {
            Ok(Found::File(_)) => {}
            other => panic!("it is always there: {other:?}"),
        }
    });
}

fn while_releases_come_and_go(around: &Directory, mut look: impl FnMut()) {
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 1..400 {
                release(around, round);
                around.remove(&format!("root/releases/{}", round - 1));
            }
        });
        while !writer.is_finished() {
            look();
        }
    });
}

fn release(around: &Directory, round: usize) {
    around.write(format!("root/releases/{round}/deep/a"), round.to_string());
    around.link("root/current", format!("releases/{round}"));
}
