use super::*;

fn read(text: &str) -> Result<Inheritance, String> {
    text.parse()
}

fn listener(sockets: usize, scheme: ListenScheme, is_proxied: bool) -> InheritedListener {
    InheritedListener { sockets, scheme, is_proxied, asked: None, file: None }
}

fn whole() -> Inheritance {
    let child = |slot, id, role| InheritedChild { slot, id, role };
    Inheritance {
        processes: 2,
        workers: 3,
        descriptors: Some(1024),
        stop_timeout: Duration::from_millis(10_500),
        listeners: vec![
            InheritedListener {
                asked: Some(Address::Tcp(([127, 0, 0, 1], 0).into())),
                ..listener(6, ListenScheme::Https, false)
            },
            InheritedListener {
                asked: Some(Address::Unix("run/a b\n.sock".into())),
                file: Some(SocketFile { path: "run/a b\n.sock".into(), identity: Some((7, 12)) }),
                ..listener(1, ListenScheme::Http, true)
            },
            InheritedListener {
                asked: Some(Address::Systemd("httpd.socket".into())),
                file: Some(SocketFile {
                    path: OsStr::from_bytes(b"\xff%41 ").into(),
                    identity: None,
                }),
                ..listener(2, ListenScheme::H2c, false)
            },
        ],
        children: vec![
            child(0, 4711, InheritedRole::New),
            child(0, 4000, InheritedRole::Old),
            child(1, 4001, InheritedRole::Old),
            child(1, 3000, InheritedRole::Retired),
        ],
        numbers: "httpd_requests\tstatus=\"2xx\"\t5\n".to_owned(),
        takes_commands: true,
        commands: vec![InheritedCommand::Upgraded, InheritedCommand::Due(Order::Reload)],
        reload: true,
        reopen: false,
    }
}

#[test]
fn what_is_left_is_read_as_it_was_written() {
    let least = Inheritance {
        processes: 1,
        workers: 1,
        descriptors: None,
        listeners: vec![listener(1, ListenScheme::H2c, false)],
        children: Vec::new(),
        numbers: String::new(),
        takes_commands: false,
        commands: Vec::new(),
        reload: false,
        reopen: true,
        ..whole()
    };
    for inheritance in [whole(), least] {
        assert_eq!(inheritance.to_string().parse(), Ok(inheritance));
    }
    assert_eq!(whole().descriptor_count(), 16);
}

#[test]
fn a_text_that_is_cut_anywhere_is_refused() {
    let text = whole().to_string();
    for end in 0..text.len() {
        assert!(read(&text[..end]).is_err(), "{:?}", &text[..end]);
        assert!(read(&format!("{}\n", &text[..end])).is_err() || end + 1 == text.len());
    }
}

#[test]
fn a_line_of_a_later_version_is_passed_over_and_a_later_version_is_not() {
    let text = whole().to_string();
    let with_more = text.replace("workers 3\n", "workers 3\ncolour red and blue\n");
    assert_eq!(read(&with_more), Ok(whole()));
    for (version, words) in [
        ("httpd supervisor 2", "it has version \"2\", not 1"),
        ("httpd supervisor 01", "it has version \"01\", not 1"),
        ("nginx", "it is none"),
    ] {
        let later = text.replace("httpd supervisor 1", version);
        assert_eq!(read(&later), Err(words.to_owned()));
    }
}

#[test]
fn every_line_that_is_wrong_is_named() {
    let text = whole().to_string();
    for wrong in [
        "processes",
        "processes ",
        "processes 2",
        "processes -1",
        "processes +1",
        "processes 2 2",
        "workers 99999999999999999999",
        "descriptors many",
        "stop_timeout_ms 1.5",
        "listener 6",
        "listener 6 http plain",
        "listener 6 http strange -",
        "listener 6 gopher plain -",
        "listener 6 http plain nowhere",
        "listener 0 http plain -",
        "listener 5000 http plain -",
        "socket_file 0 1 2",
        "socket_file 0 1 2 ",
        "socket_file 0 a 2 b",
        "socket_file 0 1 2 %00",
        "socket_file 3 1 2 b",
        "socket_file 1 1 2 twice",
        "process 0 5 young",
        "process 0 x new",
        "numbers %ff",
        "numbers",
        "takes nothing",
        "command",
        "command restart",
        "pending",
        "pending upgrade",
        "",
    ] {
        let read = read(&text.replace("that is all", &format!("{wrong}\nthat is all")));
        assert_eq!(read, Err(format!("the line {wrong:?} is wrong")), "{wrong}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let text = whole().to_string();
    for (from, to, words) in [
        ("processes 2\n", "processes 0\n", "0 processes of 3 workers cannot be"),
        ("workers 3\n", "workers 5000\n", "2 processes of 5000 workers cannot be"),
        ("workers 3\n", "", "a line is missing"),
        ("process 1 4001", "process 2 4001", "it names a process that cannot be"),
        ("process 1 4001", "process 1 4000", "it names a process that cannot be"),
        ("process 1 4001", "process 1 1", "it names a process that cannot be"),
        ("process 1 4001", "process 1 0", "it names a process that cannot be"),
        ("process 1 4001", "process 1 3000000000", "it names a process that cannot be"),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(read(&text.replace(from, to)), Err(words.to_owned()), "{to}");
    }
}
