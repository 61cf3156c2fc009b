//! Large answers wait for each other, and small ones for none.

use axum::response::Response;
use futures::FutureExt as _;
use serde_json::json;
use tokio::time::timeout;

use super::broker::{Broker, answer};
use super::*;

const LARGE: usize = 64 << 10;

fn client_of(owner: &AnswerMemory, broker: &Broker) -> Client {
    Client::new(&Config { memory: owner.clone(), ..config(&broker.url) }).unwrap()
}

fn catalog(size: usize) -> Response {
    let mut text = json!({"services": []}).to_string();
    text.push_str(&" ".repeat(size - text.len()));
    answer(200, &text)
}

async fn broker() -> Broker {
    Broker::answering([catalog(LARGE + 1), catalog(LARGE), catalog(LARGE + 1)]).await
}

/// Whether the client gets a large answer. If not, its wait is given up.
async fn is_served(client: &Client) -> bool {
    timeout(Duration::from_millis(200), client.catalog()).await.is_ok_and(|catalog| catalog.is_ok())
}

#[tokio::test]
async fn an_owner_has_one_large_answer_in_memory_and_all_together_two() {
    let memory = AnswerMemory::default();
    let (a, b, c) = (memory.of("a"), memory.of("b"), memory.of("c"));
    let first = broker().await;
    let first = client_of(&a, &first);
    let kept = first.reserve();
    first.reserving(&kept).catalog().await.unwrap();

    let second = broker().await;
    let second = client_of(&a, &second);
    assert!(!is_served(&second).await, "the same owner waits");
    assert!(is_served(&second).await, "an answer that is not large does not wait");

    let third = broker().await;
    let third = client_of(&b, &third);
    let of_other = third.reserve();
    third.reserving(&of_other).catalog().await.unwrap();
    let fourth = broker().await;
    let fourth = client_of(&c, &fourth);
    assert!(!is_served(&fourth).await, "all together wait");
    drop((kept, of_other));
    assert!(is_served(&fourth).await);
    assert!(is_served(&fourth).await, "without a reservation, an answer is charged only until it is decoded");
}

/// The broker is not to blame for the wait: the timeout of the request does not include it.
#[tokio::test]
async fn the_wait_for_memory_is_not_the_brokers() {
    let memory = AnswerMemory::default();
    let first = broker().await;
    let first = client_of(&memory, &first);
    let kept = first.reserve();
    first.reserving(&kept).catalog().await.unwrap();
    let second = broker().await;
    let impatient =
        Config { memory: memory.clone(), timeout: Duration::from_millis(300), ..config(&second.url) };
    let impatient = Client::new(&impatient).unwrap();
    let mut waiting = Box::pin(impatient.catalog());
    assert!(timeout(Duration::from_secs(1), &mut waiting).await.is_err());
    drop(kept);
    waiting.await.unwrap();
    assert!(memory.reserve().take().now_or_never().is_some());
}
