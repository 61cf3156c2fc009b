//! Servers on a runtime of their own, so that a test that blocks its thread does not block them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// A server. It stops when this is dropped.
pub struct Server {
    /// Its address.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts an HTTP server.
    pub fn start(router: Router) -> Self {
        Self::on(socket((Ipv4Addr::LOCALHOST, 0).into()), async move |listener| {
            axum::serve(listener, router).await.unwrap();
        })
    }

    /// Starts a server with this `serve` function.
    pub fn on<F>(socket: TcpSocket, serve: impl FnOnce(TcpListener) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
        let _runtime = RUNTIME.enter();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, task: RUNTIME.spawn(serve(listener)) }
    }

    /// Waits until it has ended by itself.
    pub async fn ended(mut self) {
        (&mut self.task).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A socket that reserves this address. Until it listens, connections are refused.
pub fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}
