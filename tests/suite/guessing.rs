//! Crowds that guess passwords, and those whose password is right.

use crate::support::client::Request;
use crate::support::configured::Configured;
use crate::support::{Client, Reply};
use httpd::Address;
use socket2::{Domain, Socket, Type};
use std::fmt::Write as _;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Its password takes a while to compare.
fn serve() -> Configured {
    let hash = bcrypt::hash("secret", 8).expect("it can be computed");
    let people: String = (0..8).map(|number| format!("ann{number}:{hash}\n")).collect();
    let config = "root = \"www\"\nauth_basic = { file = \"people\" }\n";
    Configured::start_with(config, &[("people", &people)])
}

fn basic(name_and_password: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = String::from("Basic ");
    for group in name_and_password.as_bytes().chunks(3) {
        let mut bytes = [0; 4];
        bytes[1..1 + group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bytes);
        for place in 0..=group.len() {
            value.push(char::from(DIGITS[(bits >> (18 - 6 * place)) as usize % 64]));
        }
    }
    value
}

fn socket(server: &Configured) -> SocketAddr {
    match server.program.address() {
        Address::Tcp(address) => *address,
        other => panic!("{other}"),
    }
}

/// A connection from another address than that of everybody else.
fn from(last: u8, server: &Configured) -> TcpStream {
    let socket_from = Socket::new(Domain::IPV4, Type::STREAM, None).expect("descriptors are left");
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
    socket_from.bind(&address.into()).expect("all of 127.0.0.0/8 is here");
    socket_from.connect(&socket(server).into()).expect("it listens");
    socket_from.into()
}

/// Many connections, each of which tries many passwords, one after another.
fn crowd(server: &Configured, count: usize) -> Vec<TcpStream> {
    (0..count)
        .map(|number| {
            let mut stream = TcpStream::connect(socket(server)).expect("it listens");
            let mut requests = String::new();
            for guess in 0..20 {
                let credentials = basic(&format!("ann1:{number}-{guess}"));
                write!(
                    requests,
                    "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {credentials}\r\n\r\n"
                )
                .expect("a text grows");
            }
            stream.write_all(requests.as_bytes()).expect("it is read or kept");
            stream
        })
        .collect()
}

fn get(stream: TcpStream, credentials: &str) -> Reply {
    let mut client = Client::over_tcp(stream);
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {credentials}\r\n\r\n"));
    client.reply()
}

/// How long a right login may take beside a crowd, on a machine where much else runs.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_right_login_is_answered_soon_beside_1500_wrong_ones_of_another_client() {
    let server = serve();
    let crowd = crowd(&server, 1500);
    for last in 2..6 {
        let began = Instant::now();
        get(from(last, &server), &basic(&format!("ann{last}:secret"))).expect(200);
        let time = began.elapsed();
        println!("127.0.0.{last}: {time:?}");
        assert!(time < PATIENCE, "{time:?}");
    }
    drop(crowd);
}

#[test]
fn beside_1500_wrong_logins_of_the_same_client_a_right_one_has_its_answer_soon_as_well() {
    let server = serve();
    let crowd = crowd(&server, 1500);
    for _ in 0..5 {
        let began = Instant::now();
        let request = Request::new(server.program.address(), "GET", "/");
        let reply = request.header("Authorization", basic("ann2:secret")).send();
        let time = began.elapsed();
        println!("{}: {time:?}", reply.status);
        assert!(time < PATIENCE, "{time:?}");
        match reply.status {
            200 => return,
            503 => assert_eq!(reply.value("Retry-After"), "1"),
            other => panic!("{other}"),
        }
    }
    drop(crowd);
}

#[test]
fn a_password_that_is_known_to_be_wrong_costs_nothing_and_keeps_nobody_waiting() {
    let server = serve();
    let get = || server.get("/").header("Authorization", basic("ann1:wrong")).send();
    get().expect(401);
    let mut clients: Vec<Client> = (0..300).map(|_| server.program.connect()).collect();
    let wrong = basic("ann1:wrong");
    for client in &mut clients {
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {wrong}\r\n\r\n"));
    }
    server.get("/").header("Authorization", basic("ann2:secret")).send().expect(200);
    for client in &mut clients {
        client.reply().expect(401);
    }
    // What is wrong today may be right tomorrow.
    let hash = bcrypt::hash("wrong", 4).expect("it can be computed");
    server.folder.write("people", format!("ann1:{hash}\n"));
    get().expect(200);
}
