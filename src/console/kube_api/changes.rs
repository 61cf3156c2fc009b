//! When do objects change? Only that is reported: the watch asks for metadata, and drops it.

use futures::stream::BoxStream;
use futures::{StreamExt as _, future};
use kube::api::{ListParams, ObjectList, Request, WatchEvent, WatchParams};
use serde::de::IgnoredAny;

use super::{Cluster, Known, Selection, attempt};
use crate::console::answer::failure::Failure;

/// How long a watch lasts, in seconds. The browser then opens another one.
const WATCH_SECONDS: u32 = 290;

/// An item for each change. Ends when the API server ends the watch, for whatever reason.
pub type Changes = BoxStream<'static, ()>;

impl Cluster {
    /// The changes of objects from now on.
    pub async fn changes<K: Known + Send + 'static>(
        &self,
        namespace: Option<&str>,
        selection: &Selection,
    ) -> Result<Changes, Failure> {
        let api = self.api::<K>(namespace)?;
        let selector = Some(selection.fields.clone()).filter(|fields| !fields.is_empty());
        let one = ListParams { field_selector: selector.clone(), limit: Some(1), ..ListParams::default() };
        let request = Request::new(api.resource_url());
        let unsent =
            |error| Failure::of(&kube::Error::BuildRequest(error), attempt::<K>("watch", namespace, None));
        // Of the objects nothing is parsed: their metadata may be nested too deeply.
        let asked = request.list_metadata(&one).map_err(unsent)?;
        let list = self.client.request::<ObjectList<IgnoredAny>>(asked).await;
        let list = list.map_err(|error| Failure::of(&error, attempt::<K>("list", namespace, None)))?;
        let version = list.metadata.resource_version.unwrap_or_default();
        let watch = WatchParams {
            field_selector: selector,
            timeout: Some(WATCH_SECONDS),
            bookmarks: true,
            ..WatchParams::default()
        };
        let asked = request.watch_metadata(&watch, &version).map_err(unsent)?;
        let events = self.client.request_events::<IgnoredAny>(asked).await;
        let events = events.map_err(|error| Failure::of(&error, attempt::<K>("watch", namespace, None)))?;
        // After an error, for example that the version is too old, the browser opens another watch.
        let changes = events
            .map(|event| match event {
                Ok(WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Deleted(_)) => Some(true),
                Ok(WatchEvent::Bookmark(_)) => Some(false),
                Ok(WatchEvent::Error(_)) | Err(_) => None,
            })
            .take_while(|event| future::ready(event.is_some()))
            .filter_map(|event| future::ready((event == Some(true)).then_some(())));
        Ok(changes.boxed())
    }
}
