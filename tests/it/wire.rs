//! The wire between an operator and a broker: a test can cut it, and it corrupts the answers with the header
//! [`CORRUPT`].
//!
//! Each connection carries one request.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::server::{Server, socket};
use corruption::How;
pub use corruption::{ANSWERED, Corruption, UNANSWERED};

mod corruption;

/// The header of an answer that names its corruption.
pub const CORRUPT: &str = "corruption";
/// The time between the bytes of an answer that drips.
const DRIP: Duration = Duration::from_millis(100);

/// A wire. It stops when this is dropped.
pub struct Wire {
    /// The address that the operator uses for the broker.
    pub address: SocketAddr,
    broker: SocketAddr,
    end: Mutex<End>,
}

/// The operator's end of the wire.
enum End {
    Whole(Server, CancellationToken),
    Cut(TcpSocket),
    /// It is being cut or mended.
    Neither,
}

impl Wire {
    /// A wire to the broker at this address.
    pub fn to(broker: SocketAddr) -> Self {
        let (server, cut) = serve(socket((Ipv4Addr::LOCALHOST, 0).into()), broker);
        Self { address: server.address, broker, end: Mutex::new(End::Whole(server, cut)) }
    }

    /// Breaks all connections, and stops listening.
    pub async fn cut(&self) {
        if let End::Whole(server, cut) = self.replace(End::Neither) {
            cut.cancel();
            server.ended().await;
        }
        self.replace(End::Cut(socket(self.address)));
    }

    /// Listens again at the same address.
    pub fn mend(&self) {
        if let End::Cut(socket) = self.replace(End::Neither) {
            let (server, cut) = serve(socket, self.broker);
            self.replace(End::Whole(server, cut));
        }
    }

    fn replace(&self, end: End) -> End {
        std::mem::replace(&mut self.end.lock().unwrap(), end)
    }
}

/// Serves until it is cut. The server ends after its last connection.
fn serve(socket: TcpSocket, broker: SocketAddr) -> (Server, CancellationToken) {
    let cut = CancellationToken::new();
    let until = cut.clone();
    let server = Server::on(socket, async move |listener| {
        let mut connections = JoinSet::new();
        while let Some(accepted) = until.run_until_cancelled(listener.accept()).await {
            let (stream, _) = accepted.unwrap();
            connections.spawn(async move {
                // Errors are expected: tests break either side.
                let _ = carry(stream, broker).await;
            });
        }
        connections.shutdown().await;
    });
    (server, cut)
}

/// Carries one request and its answer.
async fn carry(mut operator: TcpStream, broker: SocketAddr) -> std::io::Result<()> {
    let mut request = read_message(&mut operator).await?;
    let end = position(&request, b"\r\n").unwrap_or_default();
    request.splice(end..end, *b"\r\nConnection: close");
    let mut upstream = TcpStream::connect(broker).await?;
    upstream.write_all(&request).await?;
    let mut answer = Vec::new();
    let mut nothing = [0];
    tokio::select! {
        read = upstream.read_to_end(&mut answer) => read?,
        // The operator has disconnected.
        gone = operator.read(&mut nothing) => return gone.map(|_| ()),
    };
    match Corruption::of(&answer) {
        Some(corruption) => deliver(operator, corruption.apply(&answer)).await,
        None => operator.write_all(&answer).await,
    }
}

async fn deliver(mut operator: TcpStream, (bytes, how): (Vec<u8>, How)) -> std::io::Result<()> {
    match how {
        How::Drip => {
            for byte in bytes {
                operator.write_all(&[byte]).await?;
                tokio::time::sleep(DRIP).await;
            }
        }
        _ => operator.write_all(&bytes).await?,
    }
    match how {
        How::Close | How::Drip => operator.shutdown().await,
        How::Reset => operator.set_zero_linger(),
        How::Silence => operator.read_to_end(&mut Vec::new()).await.map(|_| ()),
    }
}

/// Reads a request with its body.
async fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        if let Some(end) = position(&message, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&message[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if message.len() >= end + 4 + length {
                return Ok(message);
            }
        }
        if stream.read_buf(&mut message).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
