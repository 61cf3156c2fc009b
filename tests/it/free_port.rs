//! Ports for servers that take their address as an option.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which the kernel serves `bind` to port 0 (from 32768 on): a test's server that listens there
/// could otherwise get the port between this call and the start of the program that it is meant for.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A port of this machine on which no program listens. Each call in a process returns another one; processes that run
/// at the same time begin far from each other.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = process::id().wrapping_mul(97);
    loop {
        let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
