//! The options of `service-catalog console`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::process::LogFormat;
use clap::{Args, ValueEnum};
use url::Url;

/// The options of `service-catalog console`. Without `--login`, the console is local: it listens on the loopback
/// address and works as the user of the kubeconfig.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Kubeconfig file [default: those of KUBECONFIG, or ~/.kube/config].
    #[arg(long, env = "CONSOLE_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: the current one].
    #[arg(long)]
    pub context: Option<String>,
    /// Namespace that is shown first [default: that of the context].
    #[arg(long, short)]
    pub namespace: Option<String>,
    /// Prints the console's URL, but does not open a browser.
    #[arg(long, conflicts_with = "login")]
    pub no_browser: bool,
    /// Port on the loopback address; 0 is any free one.
    #[arg(long, default_value_t = 0, conflicts_with = "login")]
    pub port: u16,
    /// How users of a shared console log in. Requires `--listen`.
    #[arg(long, env = "CONSOLE_LOGIN", requires = "listen")]
    pub login: Option<Login>,
    /// Address of a shared console, for example 0.0.0.0:8080. TLS ends at the gateway in front of it.
    #[arg(long, env = "CONSOLE_LISTEN", requires = "login")]
    pub listen: Option<SocketAddr>,
    /// Name of the cluster in the page header of a shared console [default: the API server's address].
    #[arg(long, env = "CONSOLE_CLUSTER_NAME")]
    pub cluster_name: Option<String>,
    /// File with the CA certificates (PEM) of the API server of a shared console without a kubeconfig.
    #[arg(
        long,
        env = "CONSOLE_CERTIFICATE_AUTHORITY",
        default_value = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
    )]
    pub certificate_authority: PathBuf,
    /// Origins from which browsers may load icons of services, for example `https://icons.example.com`; separated by
    /// commas [default: none, only icons that are part of the catalog].
    #[arg(long, env = "CONSOLE_IMAGE_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub image_origins: Vec<String>,
    /// Format of the logs; RUST_LOG sets their levels, for example debug.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// How users of a shared console log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Login {
    /// A page asks for a bearer token of the API server.
    Token,
    /// A proxy logs users in and sends `Authorization: Bearer` with each request.
    ProxyHeader,
}

/// An origin as browsers write it: scheme, host, and the port unless it is the scheme's own.
fn origin(text: &str) -> Result<String, String> {
    let wrong = || "expected an origin such as https://icons.example.com".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_web = matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    if is_origin && is_web { Ok(url.origin().ascii_serialization()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_image_origin_is_a_scheme_and_a_host_without_anything_that_could_extend_the_policy() {
        assert_eq!(origin("https://Icons.example.com:443/").as_deref(), Ok("https://icons.example.com"));
        assert_eq!(origin("http://10.0.0.1:8080").as_deref(), Ok("http://10.0.0.1:8080"));
        for text in [
            "https://a.b/path",
            "https://a.b; script-src *",
            "data:",
            "*",
            "https://u@a.b",
            "ftp://a.b",
            "a.b",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
