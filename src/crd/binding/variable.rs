//! Which environment variables run code in a container, or redirect its traffic?
//!
//! The value of such a variable is a program, a library, a search path, a configuration or a proxy. The dynamic linker, a
//! shell or the runtime of a language obeys it before the application starts. So it is code, and must not come from a
//! broker; a user has to ask for it. There is one list: the CRD's rule for `injection.env` is generated from it, and the
//! operator takes from it which keys it keeps out of a Secret that becomes variables as a whole.
//!
//! The list cannot be complete: an image may have a program that obeys any other variable. Who does not trust a
//! broker gives `injection.envFrom` a prefix, or lists the variables in `injection.env`.

/// The names. A `*` at the beginning or the end stands for any text.
const RUN_CODE: [&str; 108] = [
    // The dynamic linker and the C library.
    "LD_*",
    "DYLD_*",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "LOCPATH",
    "MALLOC_*",
    "NLSPATH",
    "TMPDIR",
    "*_OPTIONS",
    // Shells, and what they start.
    "PATH",
    "HOME",
    "SHELL",
    "ENV",
    "IFS",
    "CDPATH",
    "BASH_ENV",
    "BASH_FUNC_*",
    "BASHOPTS",
    "SHELLOPTS",
    "PROMPT_COMMAND",
    "PS4",
    "ZDOTDIR",
    "XDG_CONFIG_*",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "LESSOPEN",
    "LESSCLOSE",
    // The JVM and its tools.
    "*_OPTS",
    "CLASSPATH",
    "JAVA_HOME",
    "JDK_HOME",
    "MAVEN_ARGS",
    "SPRING_CONFIG_*",
    "SPRING_APPLICATION_JSON",
    // Other languages and their package managers.
    "PYTHON*",
    "PIP_*",
    "PERL5*",
    "PERLLIB",
    "RUBYLIB",
    "RUBYOPT",
    "GEM_*",
    "BUNDLE_*",
    "NODE_*",
    "NPM_CONFIG_*",
    "npm_config_*",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "LUA_*",
    "ERL_*",
    "ELIXIR_*",
    "R_PROFILE*",
    "R_ENVIRON*",
    "R_LIBS*",
    "DOTNET_*",
    "CORECLR_*",
    "COR_ENABLE_PROFILING",
    "COR_PROFILER*",
    "COMPlus_*",
    "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES",
    "GOFLAGS",
    "GODEBUG",
    "RUSTC_*",
    "CARGO_*",
    // Clients of databases and of directories: their configuration and plugins.
    "PGSYSCONFDIR",
    "PGSERVICEFILE",
    "PGSSLROOTCERT",
    "LIBMYSQL_*",
    "MYSQL_HOME",
    "ODBCINI",
    "ODBCSYSINI",
    "TNS_ADMIN",
    "SASL_PATH",
    "KRB5_CONFIG",
    // Programs that applications start.
    "GIT_*",
    "SSH_ASKPASS*",
    "SSH_AUTH_SOCK",
    "KUBECONFIG",
    "KUBERNETES_*",
    "DOCKER_CONFIG",
    "DOCKER_HOST",
    "AWS_CONFIG_FILE",
    // Proxies, and whom TLS trusts.
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "GRPC_PROXY",
    "grpc_proxy",
    "no_grpc_proxy",
    "RSYNC_PROXY",
    "SSL_CERT_*",
    "SSLKEYLOGFILE",
    "OPENSSL_*",
    "CURL_CA_BUNDLE",
    "CURL_HOME",
    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",
];

/// Whether an environment variable of this name runs code, or redirects traffic.
pub fn runs_code(name: &str) -> bool {
    let matches = |pattern: &&str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == *pattern,
    };
    RUN_CODE.iter().any(matches)
}

/// The same as a regular expression, for CEL.
pub(super) fn regular_expression() -> String {
    format!("^({})$", RUN_CODE.join("|").replace('*', ".*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_linker_a_shell_or_a_runtime_obeys_runs_code() {
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "LD_",
            "DYLD_INSERT_LIBRARIES",
            "PATH",
            "ENV",
            "BASH_ENV",
            "IFS",
            "PROMPT_COMMAND",
            "JAVA_TOOL_OPTIONS",
            "_JAVA_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "CATALINA_OPTS",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PERL5LIB",
            "PERL5OPT",
            "RUBYLIB",
            "RUBYOPT",
            "NODE_OPTIONS",
            "NODE_PATH",
            "NODE_EXTRA_CA_CERTS",
            "GIT_SSH_COMMAND",
            "HTTP_PROXY",
            "http_proxy",
            "https_proxy",
            "NO_PROXY",
            "all_proxy",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "DOTNET_STARTUP_HOOKS",
            "KUBERNETES_SERVICE_HOST",
            "grpc_proxy",
            "PGSERVICEFILE",
            "LIBMYSQL_PLUGIN_DIR",
            "SPRING_CONFIG_LOCATION",
        ] {
            assert!(runs_code(name), "{name}");
        }
    }

    #[test]
    fn what_an_application_reads_does_not_run_code() {
        // What brokers and applications use for credentials. Case counts, as it does for a kernel of Linux.
        for name in [
            "uri",
            "URI",
            "host",
            "HOST",
            "path",
            "env",
            "home",
            "options",
            "OPTIONS",
            "password",
            "DATABASE_URL",
            "PGHOST",
            "PGOPTIONS",
            "AWS_ACCESS_KEY_ID",
            "AWS_REGION",
            "JDBC_URL",
            "DB_PATH",
            "PATH_PREFIX",
            "MY_LD_PRELOAD",
            "SERVICE_BINDING_ROOT",
            "",
        ] {
            assert!(!runs_code(name), "{name}");
        }
    }

    /// A name with a character that regular expressions treat differently would make the two disagree.
    #[test]
    fn the_regular_expression_has_every_name_and_nothing_else() {
        let expression = regular_expression();
        let inner = expression.strip_prefix("^(").and_then(|rest| rest.strip_suffix(")$")).unwrap();
        let back: Vec<String> = inner.split('|').map(|each| each.replace(".*", "*")).collect();
        assert_eq!(back, RUN_CODE);
        for pattern in RUN_CODE {
            let name = pattern.strip_prefix('*').unwrap_or(pattern);
            let name = name.strip_suffix('*').unwrap_or(name);
            assert!(
                name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_'),
                "{pattern}"
            );
        }
    }
}
