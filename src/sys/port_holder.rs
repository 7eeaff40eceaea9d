//! Finds the process that listens on a TCP port, so that "address in use" can name it. Reads `/proc`, and
//! leaves out what it cannot read.

use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its id in the pid namespace of this process.
    pub pid: u32,
    /// Its command name as the kernel keeps it (at most 15 bytes), with control characters
    /// replaced: a process chooses its own name, which must not be able to move the cursor.
    pub name: String,
}

/// The process that listens on `address`, or on a wildcard address that includes it. `None` if there is
/// none, or if `/proc` does not show it (another user's process, without privileges).
/// When several processes share the listener, the one with the lowest id is named: the parent.
#[must_use]
pub(crate) fn port_holder(address: SocketAddr) -> Option<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|text| listeners_in(&text, address))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let wanted: Vec<OsString> =
        inodes.iter().map(|inode| OsString::from(format!("socket:[{inode}]"))).collect();
    let pid = process_ids().into_iter().find(|pid| holds_one_of(*pid, &wanted))?;
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(Holder { pid, name: printable(&name) })
}

/// The inodes of the sockets in one `/proc/net/tcp*` table that stand in the way of `address`.
/// A line is `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`.
fn listeners_in(table: &str, address: SocketAddr) -> Vec<String> {
    let listener = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let local = parse_local(words.nth(1)?)?;
        let state = words.nth(1)?;
        let inode = words.nth(5)?;
        let found = state == LISTENING && overlap(local, address);
        found.then(|| inode.to_owned())
    };
    table.lines().filter_map(listener).collect()
}

/// `0100007F:1F90`: the address as 32-bit words, each printed in the machine's own byte order;
/// the port is an ordinary number.
fn parse_local(word: &str) -> Option<SocketAddr> {
    let (host, port) = word.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word_at = |index: usize| {
        let digits = host.get(index * 8..index * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word_at(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (index, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word_at(index)?);
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Whether a listener on `held` can prevent binding `wanted`. A wildcard overlaps each address of its family,
/// and `[::]` also those of IPv4 unless it is IPv6-only.
fn overlap(held: SocketAddr, wanted: SocketAddr) -> bool {
    if held.port() != wanted.port() {
        return false;
    }
    let (held, wanted) = (held.ip().to_canonical(), wanted.ip().to_canonical());
    let takes_in =
        |wide: IpAddr, other: IpAddr| wide.is_unspecified() && (wide.is_ipv6() || other.is_ipv4());
    held == wanted || takes_in(held, wanted) || takes_in(wanted, held)
}

/// All processes, in numerical order.
fn process_ids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let id = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut ids: Vec<u32> = entries.flatten().filter_map(id).collect();
    ids.sort_unstable();
    ids
}

fn holds_one_of(pid: u32, sockets: &[OsString]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .any(|target| sockets.iter().any(|socket| target.as_os_str() == socket))
}

fn printable(name: &[u8]) -> String {
    let visible = |c: char| if c.is_control() { '?' } else { c };
    String::from_utf8_lossy(name).trim_end().chars().map(visible).collect()
}

/// `TCP_LISTEN` in the kernel's `tcp_states.h`, as the table prints it.
const LISTENING: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn own_name() -> String {
        printable(&fs::read("/proc/self/comm").expect("/proc is mounted"))
    }

    #[test]
    fn a_listener_of_our_own_is_found_with_our_id_and_name() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let expected = Holder { pid: std::process::id(), name: own_name() };
        assert_eq!(port_holder(address), Some(expected));
    }

    #[test]
    fn a_wildcard_listener_is_found_when_one_address_is_asked_for() {
        let listener = TcpListener::bind("0.0.0.0:0").expect("there is a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let holder = port_holder(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(holder.map(|it| it.pid), Some(std::process::id()));
    }

    #[test]
    fn a_port_that_is_only_bound_has_no_listener() {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a descriptor is left");
        socket
            .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .expect("loopback has a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let address = address.as_socket().expect("it was bound to an internet address");
        assert_eq!(port_holder(address), None);
    }

    #[test]
    fn only_listening_sockets_of_an_overlapping_address_count() {
        let little = cfg!(target_endian = "little");
        let loopback = if little { "0100007F" } else { "7F000001" };
        let other = if little { "0200007F" } else { "7F000002" };
        let line = |host: &str, port: &str, state: &str, inode: u32| {
            format!("  0: {host}:{port} 00000000:0000 {state} 0:0 00:0 0 0 0 {inode} 1 0 100\n")
        };
        let table = [
            "  sl  local_address rem_address   st tx_queue rx_queue tr uid timeout inode\n".into(),
            line(loopback, "1F90", "0A", 11),
            line(loopback, "1F90", "01", 12),
            line(other, "1F90", "0A", 13),
            line("00000000", "1F90", "0A", 14),
            line(loopback, "1F91", "0A", 15),
            line(&"0".repeat(32), "1F90", "0A", 16),
            "rubbish\n".into(),
            "  0: zz:1F90 0:0 0A 0:0 00:0 0 0 0 17\n".into(),
        ]
        .concat();
        let wanted = SocketAddr::from(([127, 0, 0, 1], 8080));
        assert_eq!(listeners_in(&table, wanted), ["11", "14", "16"]);
    }

    #[test]
    fn a_name_cannot_carry_control_characters() {
        assert_eq!(printable(b"a\x1b[2Jb\n"), "a?[2Jb");
    }
}
