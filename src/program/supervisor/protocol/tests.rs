use super::*;
use crate::sys::process::sealed;
use std::net::TcpListener;
use std::os::fd::AsFd;

fn pair() -> (Channel, Channel) {
    let (here, there) = Channel::pair().expect("a descriptor is left");
    (here, Channel::from_end(there))
}

#[test]
fn what_is_handed_over_arrives_whole() {
    let (here, there) = pair();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let text = sealed(b"root = \"www\"\n").expect("memory is left");
    let role = Role { number: 2, processes: 3, workers: 300, descriptors: 1024 };
    let listeners = vec![listener.as_fd(); 400];
    let addresses: Vec<(Spoken, u32)> = SCHEMES
        .into_iter()
        .flat_map(|scheme| {
            [true, false].map(|it| Spoken { scheme, is_proxied: it, is_passed: !it })
        })
        .map(|spoken| (spoken, 50))
        .collect();
    hand_over(&here, role, text.as_fd(), None, &addresses, &listeners).expect("there is room");
    here.send(Instruction::Stop.words(), &[]).expect("there is room");
    let handover = take_over(&there).expect("it is there");
    assert_eq!(handover.role, role);
    assert_eq!(handover.text, "root = \"www\"\n");
    assert_eq!(handover.addresses, addresses);
    assert_eq!(handover.listeners.len(), 400);
    let placed = Handover::placed(handover.listeners, &addresses);
    let numbers: Vec<usize> = placed.iter().map(|it| it.0).collect();
    assert_eq!((numbers[0], numbers[49], numbers[50], numbers[399]), (0, 0, 1, 7));
    let (_, last) = placed.into_iter().next_back().expect("there are 400");
    assert_eq!(
        TcpListener::from(last).local_addr().expect("it listens"),
        listener.local_addr().expect("it listens")
    );
    let next = next(&there).expect("an instruction follows");
    assert_eq!(Instruction::read(&next.bytes), Some(Instruction::Stop));
}

#[test]
fn what_nobody_has_handed_over_is_not_taken_for_something() {
    let (here, there) = pair();
    assert!(take_over(&there).is_err(), "nothing is there");
    for words in [&b"x"[..], b"stop", &[0; 16], &[0; 20]] {
        here.send(words, &[]).expect("there is room");
        assert!(take_over(&there).is_err(), "{words:?}");
    }
    let role = Role { number: 1, processes: 2, workers: 1, descriptors: 1024 };
    let text = sealed(b"").expect("memory is left");
    let numbers =
        [role.number, role.processes, role.workers, role.descriptors, 1].map(u32::to_le_bytes);
    let numbers = numbers.concat();
    here.send(&numbers, &[text.as_fd()]).expect("there is room");
    assert!(take_over(&there).is_err(), "it has no version");
    here.send(&[b"httpd handover 2\n", &numbers[..]].concat(), &[text.as_fd()])
        .expect("there is room");
    assert!(take_over(&there).is_err(), "it has another version");
    here.send(&[TITLE, &numbers, &[6, 0, 0, 0]].concat(), &[text.as_fd()]).expect("there is room");
    assert!(take_over(&there).is_err(), "an address speaks something else");
    here.send(&[TITLE, &numbers].concat(), &[text.as_fd()]).expect("there is room");
    assert!(take_over(&there).is_err(), "its listener has no address");
    here.send(&[TITLE, &numbers, &[0; 4], &[1, 0, 0, 0]].concat(), &[text.as_fd()])
        .expect("there is room");
    drop(here);
    assert!(take_over(&there).is_err(), "its listener is missing");
}

#[test]
fn every_word_is_understood() {
    for instruction in [
        Instruction::Reopen,
        Instruction::Retire,
        Instruction::Stop,
        Instruction::StopNow,
        Instruction::Ping,
    ] {
        assert_eq!(Instruction::read(instruction.words()), Some(instruction));
    }
    let failure = Failure { code: 2, lines: vec!["one".into(), "two".into()] };
    let applications = vec!["app:app, Python 3".into(), "b:app".into()];
    for report in [
        Report::Hello { inherits: 1 },
        Report::Serving(applications),
        Report::Serving(Vec::new()),
        Report::Works,
        Report::Leaving,
        Report::Failed(failure.clone()),
        Report::Reloaded,
        Report::NotReloaded(failure.clone()),
        Report::Reopened(Ok(())),
        Report::Reopened(Err(failure.clone())),
        Report::LacksRights(failure),
    ] {
        assert_eq!(Report::read(&report.words()), Some(report));
    }
    assert_eq!(Instruction::read(b"stop!"), None);
    assert_eq!(Report::read(b"failed "), None);
    for words in
        [&b"serving"[..], b"hello ", b"hello +1", b"hello 01", b"hello -1", b"hello 99999999999"]
    {
        assert_eq!(Report::read(words), None, "{}", words.escape_ascii());
    }
}

#[test]
fn a_long_failure_is_cut_to_what_a_message_holds() {
    let failure = Failure { code: 1, lines: vec!["é".repeat(MESSAGE_BYTES_MAX)] };
    let words = Report::Failed(failure).words();
    assert_eq!(words.len(), MESSAGE_BYTES_MAX);
    assert!(matches!(Report::read(&words), Some(Report::Failed(_))));
}
