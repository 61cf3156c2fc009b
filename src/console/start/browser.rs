//! Opening the browser of the person who started the console.
//!
//! The URL has a one-time code. On the command line of the browser, every user of the machine could see it and be
//! faster. So the browser is told to open a file that only this user can read, and the file leads to the URL.

use std::fs::{File, OpenOptions, remove_file};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use maud::html;
use secrecy::{ExposeSecret as _, SecretString};

/// The file. It is removed when this is dropped.
pub struct Launcher(PathBuf);

impl Launcher {
    /// Writes the file. `name` is a random one.
    pub fn new(url: &SecretString, name: &str) -> io::Result<Self> {
        let launcher = Self(std::env::temp_dir().join(format!("service-catalog-console-{name}.html")));
        let refresh = format!("0; url={}", url.expose_secret());
        let page = html! {
            (maud::DOCTYPE) meta http-equiv="refresh" content=(refresh); title { "Service Catalog" }
        };
        private_file(&launcher.0)?.write_all(page.into_string().as_bytes())?;
        Ok(launcher)
    }

    /// Opens it in the browser.
    pub fn open(&self) -> io::Result<()> {
        let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let mut command = Command::new(program);
        command.arg(&self.0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(drop)
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        let _ = remove_file(&self.0);
    }
}

/// A new file that only this user can read. `create_new` follows no link that another user has put there.
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_user_can_read_the_file_and_it_goes_with_the_console() {
        let url = SecretString::from("http://127.0.0.1:1/start?code=x");
        let launcher = Launcher::new(&url, &format!("test-{}", std::process::id())).unwrap();
        let path = launcher.0.clone();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::read_to_string(&path).unwrap().contains(url.expose_secret()));
        drop(launcher);
        assert!(!path.exists());
    }
}
