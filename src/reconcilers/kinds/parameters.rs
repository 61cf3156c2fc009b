//! Merges the parameters of a spec, off the threads of the runtime if that takes long.

use serde_json::{Map, Value};

use crate::crd::raw::RawObject;
use crate::domain::parameters::{Parameters, merge, size};
use crate::reconcilers::context::Context;
use crate::reconcilers::error::{Error, Explained};

/// Parameters up to this size, in bytes, are merged at once: that takes less time than changing threads.
const SMALL: usize = 4096;

/// The parameters, or why they cannot be used. For the arguments see [`merge`].
pub(super) async fn merged(
    context: &Context,
    namespace: &str,
    defaults: [Option<Map<String, Value>>; 2],
    inline: Option<&RawObject>,
    from: Vec<(String, Vec<u8>)>,
) -> Result<Explained<Parameters>, Error> {
    let is_small = size(inline, &from) <= SMALL;
    let inline = inline.cloned();
    let work = move || {
        let defaults = defaults.each_ref().map(Option::as_ref);
        merge(defaults, inline.as_ref(), &from).map_err(|error| error.to_string())
    };
    if is_small { Ok(work()) } else { context.tenant_work.run(namespace, work).await }
}
