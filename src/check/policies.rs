//! Are the admission policies of the chart there?

use kube::Client;

use super::deployment::Installation;
use super::finding::Finding;
use crate::reconcilers::policies::{self, Problem};

/// What was found of the policies and their bindings: those that are wrong, or one finding of all.
pub async fn check(client: &Client, installation: &Installation) -> Vec<Finding> {
    const ALL: &str = "the admission policies, and their bindings,";
    let problems = match policies::read(client).await {
        Ok(problems) => problems,
        Err(kube::Error::Api(status)) if status.code == 404 => {
            let what = "cannot be installed: the API server does not serve MutatingAdmissionPolicy v1";
            return vec![Finding::wrong(
                ALL,
                what,
                "enable admissionregistration.k8s.io/v1 in the API server",
            )];
        }
        Err(error) => return vec![Finding::not_shown(ALL, &error)],
    };
    if problems.is_empty() {
        return vec![Finding::whole(format!("{ALL} are there"))];
    }
    let wrong = |(policy, problem): (String, Problem)| {
        let what = match problem {
            Problem::Missing if policies::injects(&policy) => {
                "is missing: new pods may start without credentials"
            }
            Problem::Missing => "is missing: what it enforces is not enforced",
            Problem::OtherVersion => "is that of another version",
        };
        Finding::wrong(policy, what, installation.upgrade())
    };
    problems.into_iter().map(wrong).collect()
}
