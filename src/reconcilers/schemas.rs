//! Do the parameters match the schema of the plan, before they are sent to the broker?

use std::sync::Arc;

use tracing::debug;

use crate::crd::role::Plan;
use crate::domain::parameters::Parameters;
use crate::domain::schema::{Checked, Purpose, check};
use crate::reconcilers::error::Explained;
use crate::reconcilers::tenant_work::TenantWork;

/// The parameters, or why they do not match the schema. Brokers are not trusted, and their schemas may take long to
/// apply.
pub async fn fitting<P: Plan + Send + Sync + 'static>(
    work: &TenantWork,
    namespace: &str,
    plan: Option<Arc<P>>,
    purpose: Purpose,
    parameters: Parameters,
) -> Explained<Parameters> {
    let Some(plan) = plan.filter(|plan| purpose.schema(plan.common()).is_some()) else {
        return Ok(parameters);
    };
    let name = plan.common().external_name.clone();
    let theirs = parameters.clone();
    let checked = work.run(namespace, move || {
        purpose.schema(plan.common()).map_or(Checked::Fits, |schema| check(schema, &theirs))
    });
    match checked.await {
        Ok(Checked::Fits) => Ok(parameters),
        Ok(Checked::Violates(violations)) => Err(format!(
            "The parameters do not match the schema of the plan {name:?}: {violations}. \
             The broker is called once they do"
        )),
        Ok(Checked::NotApplied(why)) => {
            debug!(plan = name, ?purpose, why, "skipped schema validation");
            Ok(parameters)
        }
        Err(error) => {
            debug!(plan = name, ?purpose, %error, "schema validation failed; the broker validates");
            Ok(parameters)
        }
    }
}
