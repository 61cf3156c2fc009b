//! How does the reader repair something, in the cluster that was checked?

use std::path::PathBuf;

/// Writes commands that reach the cluster of the options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// The kubeconfig of the options.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the options.
    pub context: Option<String>,
}

impl Commands {
    /// A command of `kubectl`.
    pub fn kubectl(&self, arguments: &str) -> String {
        format!("kubectl{} {arguments}", self.flags("context"))
    }

    /// A command of `helm`.
    pub fn helm(&self, arguments: &str) -> String {
        format!("helm{} {arguments}", self.flags("kube-context"))
    }

    fn flags(&self, context: &str) -> String {
        let kubeconfig = self.kubeconfig.iter().map(|file| format!(" --kubeconfig '{}'", file.display()));
        let context = self.context.iter().map(|name| format!(" --{context} '{name}'"));
        kubeconfig.chain(context).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_reach_the_cluster_that_was_checked() {
        assert_eq!(Commands::default().kubectl("get pods"), "kubectl get pods");
        let commands = Commands { kubeconfig: Some("/a b".into()), context: Some("c".to_owned()) };
        assert_eq!(commands.kubectl("get pods"), "kubectl --kubeconfig '/a b' --context 'c' get pods");
        assert_eq!(commands.helm("list"), "helm --kubeconfig '/a b' --kube-context 'c' list");
    }
}
