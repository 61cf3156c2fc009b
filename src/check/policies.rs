//! Are the admission policies of the chart there?

use kube::Client;

use super::deployment::Installation;
use super::finding::Finding;
use crate::reconcilers::policies::{self, Problem};

/// What was found of the policies and their bindings: those that are wrong, or one finding of all.
pub async fn check(client: &Client, installation: &Installation) -> Vec<Finding> {
    let problems = match policies::read(client).await {
        Ok(problems) => problems,
        Err(error) => return vec![Finding::unknown("the admission policies", &error)],
    };
    if problems.is_empty() {
        return vec![Finding::whole("the admission policies, and their bindings")];
    }
    let wrong = |(policy, problem)| {
        let what = match problem {
            Problem::Missing => {
                "is missing: what it enforces is not enforced, or pods start without credentials"
            }
            Problem::OtherVersion => "is that of another version",
        };
        Finding::wrong(policy, what, installation.upgrade())
    };
    problems.into_iter().map(wrong).collect()
}
