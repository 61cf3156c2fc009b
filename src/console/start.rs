//! The process: from options to a server, and its end.

mod browser;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::http;
use crate::osb::install_tls_provider;
use crate::process::{self, init_logs, until_stopped};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tracing::info;

use crate::console::access::{Access, Mode, Unavailable, secret, transport};
use crate::console::options::{Login, Options};
use crate::console::request::Console;
use crate::console::request::{announce, print_url};
use crate::console::server::router;
use browser::Launcher;

/// Why the console does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process cannot be set up.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The API server cannot be reached at all.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// There are no random numbers.
    #[error(transparent)]
    Random(#[from] Unavailable),
    /// The address is in use, or is not an address of this host.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

/// Runs the console until SIGTERM or SIGINT.
pub async fn run(options: Options) -> Result<(), Error> {
    init_logs(options.log_format)?;
    install_tls_provider();
    let (console, listener) = match (options.login, options.listen) {
        (Some(login), Some(address)) => shared(&options, login, address).await?,
        _ => local(&options).await?,
    };
    let console = Arc::new(console);
    info!(version = env!("CARGO_PKG_VERSION"), cluster = console.cluster_name, "starting console");
    let _launcher = match console.access.mode() {
        Mode::Local(_) if !options.no_browser => open(&console),
        _ => {
            announce(&console);
            None
        }
    };
    tokio::select! {
        never = http::serve(listener, None, router(console)) => match never {},
        stopped = until_stopped() => Ok(stopped?),
    }
}

async fn local(options: &Options) -> Result<(Console, TcpListener), Error> {
    let personal = transport::personal(options).await?;
    let (listener, address) = listen((Ipv4Addr::LOCALHOST, options.port).into()).await?;
    let namespace = options.namespace.clone().unwrap_or_else(|| personal.namespace.clone());
    let cluster_name = personal.cluster_name.clone();
    let access = Access::local(personal, address.port())?;
    Ok((Console::new(access, cluster_name, namespace, options.image_origins.clone()), listener))
}

async fn shared(
    options: &Options,
    login: Login,
    address: SocketAddr,
) -> Result<(Console, TcpListener), Error> {
    let (transport, cluster_name) = transport::shared(options).await?;
    let (listener, _) = listen(address).await?;
    let namespace = options.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let access = Access::new(match login {
        Login::Token => Mode::Token(transport),
        Login::ProxyHeader => Mode::ProxyHeader(transport),
    })?;
    Ok((Console::new(access, cluster_name, namespace, options.image_origins.clone()), listener))
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |error| Error::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Opens the browser, and says where the console is. The file lives as long as the returned value.
fn open(console: &Console) -> Option<Launcher> {
    let url = console.access.new_url().ok().flatten()?;
    print_url(&url);
    let name = secret().ok()?;
    let launcher = Launcher::new(&url, name.expose_secret()).ok()?;
    if let Err(error) = launcher.open() {
        info!(%error, "cannot open a browser; open the URL yourself");
    }
    Some(launcher)
}
