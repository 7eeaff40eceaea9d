//! A server that runs out of descriptors: it pauses, and goes on when there are some again.

use crate::support::{Client, Fixture, Program, digits, until};
use std::time::Duration;

const COUNT: u32 = 40;

fn get(client: &mut Client, target: &str) -> crate::support::Reply {
    client.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
    client.reply()
}

fn gets_the_file(client: &mut Client) {
    until("the file can be had", || {
        let reply = get(client, "/a.txt");
        assert!([200, 503].contains(&reply.status), "{reply:?}");
        (reply.status == 200).then_some(())
    });
}

fn exhaust(program: &Program) -> Vec<Client> {
    let clients: Vec<Client> = (0..COUNT + 30).map(|_| program.connect()).collect();
    until("its descriptors are used up", || {
        (program.descriptors() >= COUNT as usize).then_some(())
    });
    clients
}

#[test]
fn accepting_goes_on_when_connections_have_closed() {
    let fixture = Fixture::new().file("a.txt", "it");
    let program = Program::serve_with_descriptors(&fixture.root(), COUNT);
    let clients = exhaust(&program);
    // This one is in the kernel's queue; nobody can take it yet.
    let mut waiting = program.connect();
    waiting.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    drop(clients);
    // It may be let in before there are descriptors enough for the file as well.
    let reply = waiting.reply();
    assert!([200, 503].contains(&reply.status), "{reply:?}");
    gets_the_file(&mut waiting);
}

#[test]
fn it_recovers_again_and_again() {
    let fixture = Fixture::new().file("a.txt", "it");
    let program = Program::serve_with_descriptors(&fixture.root(), COUNT);
    for _ in 0..3 {
        drop(exhaust(&program));
        gets_the_file(&mut program.connect());
    }
}

#[test]
fn connections_that_are_open_are_served_meanwhile() {
    let fixture = Fixture::new().file("a.txt", "it");
    let program = Program::serve_with_descriptors(&fixture.root(), COUNT);
    let mut open = program.connect();
    get(&mut open, "/a.txt").expect(200);
    let _clients = exhaust(&program);
    for _ in 0..20 {
        let reply = get(&mut open, "/a.txt");
        // From memory, or not at all: opening it anew takes a descriptor.
        assert!([200, 503].contains(&reply.status), "{reply:?}");
    }
}

/// Trying again and again to accept would take a whole CPU.
#[test]
fn a_server_without_descriptors_sleeps() {
    let fixture = Fixture::new().file("a.txt", "it");
    let program = Program::serve_with_descriptors(&fixture.root(), COUNT);
    let _clients = exhaust(&program);
    assert!(program.ticks_within(Duration::from_secs(1)) < 20);
}

/// RFC 9110 §15.6.4.
#[test]
fn a_file_that_cannot_be_opened_for_lack_of_descriptors_is_503_and_not_404() {
    let fixture = Fixture::new().file("a.txt", "it").file("cold.txt", "it");
    let program = Program::serve_with_descriptors(&fixture.root(), COUNT);
    let mut open = program.connect();
    get(&mut open, "/a.txt").expect(200);
    let clients = exhaust(&program);
    get(&mut open, "/cold.txt").expect(503).has_header("Retry-After");
    drop(clients);
    until("it has descriptors again", || {
        (program.descriptors() < COUNT as usize / 2).then_some(())
    });
    get(&mut open, "/cold.txt").expect(200).body("it");
}

#[test]
fn more_large_files_than_descriptors_are_served() {
    let fixture = (0..100).fold(Fixture::new(), |fixture, number| {
        fixture.file(format!("{number}.bin"), digits(200_000 + number))
    });
    let program = Program::serve_with_descriptors(&fixture.root(), COUNT);
    let mut client = program.connect();
    for number in 0..100 {
        let reply = get(&mut client, &format!("/{number}.bin"));
        reply.expect(200).body(digits(200_000 + number));
    }
    // And nobody else is shut out by the files that are kept open.
    let mut other = program.connect();
    get(&mut other, "/0.bin").expect(200);
}

#[test]
fn no_descriptor_is_lost_over_many_connections() {
    let fixture = Fixture::new().file("a.txt", "it").file("large.bin", digits(500_000));
    let program = Program::serve(&fixture.root());
    let serve_some = || {
        for number in 0..200 {
            let mut client = program.connect();
            match number % 5 {
                0 => drop(client),
                1 => {
                    client.try_send(b"GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n").unwrap_or(())
                }
                2 => {
                    get(&mut client, "/a.txt").expect(200);
                }
                3 => {
                    client.send("nonsense\r\n\r\n");
                    client.reply().expect(400);
                }
                _ => {
                    get(&mut client, "/missing").expect(404);
                }
            }
        }
    };
    serve_some();
    let before = until("all connections are closed", || {
        let count = program.descriptors();
        (count < 30).then_some(count)
    });
    serve_some();
    until("all connections are closed again", || (program.descriptors() <= before).then_some(()));
}

/// Cached descriptors serve nobody while somebody cannot be let in.
#[test]
fn newcomers_are_let_in_at_the_cost_of_cached_descriptors() {
    let mut fixture = Fixture::new();
    for number in 0..COUNT {
        fixture = fixture.file(format!("{number}.bin"), digits(200_000));
    }
    let program = Program::serve_with_descriptors(&fixture.root(), COUNT);
    // The cache alone takes no more than 16 of so few.
    let mut others: Vec<Client> = (0..10).map(|_| program.connect()).collect();
    others.iter_mut().for_each(|other| drop(get(other, "/none")));
    let mut first = program.connect();
    let mut before = program.descriptors();
    for number in 0..COUNT {
        let reply = get(&mut first, &format!("/{number}.bin"));
        // When there is none left, the cache gives all of them back.
        if reply.status != 200 || program.descriptors() < before {
            break;
        }
        before = program.descriptors();
        if before + 2 >= COUNT as usize {
            break;
        }
    }
    assert!(program.descriptors() + 4 >= COUNT as usize, "{} are open", program.descriptors());
    let mut newcomers: Vec<Client> = (0..8).map(|_| program.connect()).collect();
    for newcomer in &mut newcomers {
        let reply = get(newcomer, "/none");
        assert_eq!(reply.status, 404, "{reply:?}");
    }
}

#[test]
fn forms_hold_a_quarter_of_the_descriptors_at_most() {
    let fixture = Fixture::new();
    let config = format!(
        "root = {:?}\nmethods = [\"GET\", \"POST\"]\nworkers = 1\n",
        fixture.root().to_str().expect("it is text")
    );
    let program = Program::serve_with_config_and_descriptors(&fixture.root(), &config, 256);
    let form = |files: usize| {
        let part = |number: usize| {
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{files}-{number}\"\r\n\r\nx\r\n"
            )
        };
        let content = (0..files).map(part).collect::<String>() + "--b--\r\n";
        let mut client = program.connect();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n{content}",
            content.len()
        ));
        client.reply()
    };
    form(60).expect(201);
    form(70).expect(503);
    form(60).expect(409);
    form(61).expect(201);
}
