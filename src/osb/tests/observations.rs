//! What the observer of a client gets, for metrics.

use std::sync::{Arc, Mutex};

use super::{
    broker::{Broker, answer},
    *,
};

type Observed = Arc<Mutex<Vec<(&'static str, &'static str)>>>;

/// A configuration whose observer collects methods and statuses.
fn observing(url: &str) -> (Config, Observed) {
    let observed = Arc::new(Mutex::new(Vec::new()));
    let record = observed.clone();
    let observer: Observer =
        Arc::new(move |call: &Observation| record.lock().unwrap().push((call.method, call.status)));
    (Config { observer: Some(observer), ..config(url) }, observed)
}

#[tokio::test]
async fn every_call_is_observed_once_by_its_name() {
    let broker =
        Broker::answering([200, 201, 202, 204, 302, 404, 500, 200, 410, 422].map(|s| answer(s, "{}"))).await;
    let (config, observed) = observing(&broker.url);
    let client = Client::new(&config).unwrap();
    let _ = client.catalog().await;
    let _ = client.provision("i", &ProvisionRequest::default(), None).await;
    let _ = client.deprovision("i", &plan_query(), None).await;
    let _ = client.update("i", &UpdateRequest::default(), None).await;
    let _ = client.fetch_instance("i", &plan_query(), None).await;
    let _ = client.poll_instance("i", &poll_query(None), None).await;
    let _ = client.poll_binding("i", "b", &poll_query(None), None).await;
    let _ = client.bind("i", "b", &BindRequest::default(), true, None).await;
    let _ = client.unbind("i", "b", &plan_query(), None).await;
    let _ = client.fetch_binding("i", "b", &plan_query(), None).await;
    assert_eq!(
        *observed.lock().unwrap(),
        [
            ("GetCatalog", "2xx"),
            ("ProvisionInstance", "2xx"),
            ("DeprovisionInstance", "2xx"),
            ("UpdateInstance", "2xx"),
            ("GetInstance", "3xx"),
            ("PollLastOperation", "4xx"),
            ("PollBindingLastOperation", "5xx"),
            ("Bind", "2xx"),
            ("Unbind", "4xx"),
            ("GetBinding", "4xx"),
        ],
    );
}

#[tokio::test]
async fn a_call_without_an_answer_is_a_client_error() {
    let (config, observed) = observing("http://127.0.0.1:1");
    Client::new(&config).unwrap().catalog().await.unwrap_err();
    assert_eq!(*observed.lock().unwrap(), [("GetCatalog", "client-error")]);
}
