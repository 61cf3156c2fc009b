use tokio::time::advance;

use super::*;
use crate::console::access::transport::Transport;

fn login(name: &str) -> Login {
    let service = tower::service_fn(async |_: http::Request<kube::client::Body>| {
        Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::empty()))
    });
    let user = User { name: name.to_owned(), uid: String::new(), groups: Vec::new() };
    let transport = Transport::from_client(kube::Client::new(service, "default"));
    Login { user: Arc::new(user), client: transport.as_bearer(&"token".to_owned().into()).unwrap() }
}

fn start(sessions: &Sessions, name: &str, lifetime: Duration) -> SecretDigest {
    digest(sessions.start(login(name), lifetime).unwrap().expose_secret())
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_it_is_not_used_for_half_an_hour() {
    let sessions = Sessions::default();
    let id = start(&sessions, "jane", MAX_AGE);
    for _ in 0..3 {
        advance(MAX_IDLE.saturating_sub(Duration::from_secs(1))).await;
        assert!(sessions.find(&id).is_some());
    }
    advance(MAX_IDLE).await;
    assert!(sessions.find(&id).is_none());
    assert_eq!(sessions.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_in_use_ends_with_its_token_and_at_the_latest_after_twelve_hours() {
    let sessions = Sessions::default();
    let (short, long) = (start(&sessions, "jane", MAX_IDLE), start(&sessions, "jane", MAX_AGE * 2));
    let mut hours_of_long = 0;
    while sessions.find(&long).is_some() {
        advance(Duration::from_mins(20)).await;
        hours_of_long += 1;
        assert_eq!(sessions.find(&short).is_some(), hours_of_long < 2);
    }
    assert_eq!(hours_of_long, 12 * 3);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_logs_in_often_ends_only_their_own_sessions() {
    let sessions = Sessions::default();
    let jane = start(&sessions, "jane", MAX_AGE);
    let first = start(&sessions, "joe", MAX_AGE);
    for _ in 0..MAX_SESSIONS {
        advance(Duration::from_millis(1)).await;
        start(&sessions, "joe", MAX_AGE);
    }
    assert!(sessions.find(&jane).is_some());
    assert!(sessions.find(&first).is_none());
    assert_eq!(sessions.count(), 1 + MAX_SESSIONS_OF_USER);
}

#[tokio::test(start_paused = true)]
async fn a_further_session_ends_one_of_the_user_who_has_most() {
    let sessions = Sessions::default();
    let first = start(&sessions, "user-first", MAX_AGE);
    advance(Duration::from_millis(1)).await;
    let of_joe = [start(&sessions, "joe", MAX_AGE), start(&sessions, "joe", MAX_AGE)];
    for user in sessions.count()..MAX_SESSIONS {
        advance(Duration::from_millis(1)).await;
        start(&sessions, &format!("user-{user}"), MAX_AGE);
    }
    start(&sessions, "user-last", MAX_AGE);
    assert_eq!(sessions.count(), MAX_SESSIONS);
    assert!(sessions.find(&first).is_some());
    assert_eq!(of_joe.iter().filter(|id| sessions.find(id).is_some()).count(), 1);
}

/// A user who may create a `ServiceAccount` may log in as it.
#[tokio::test(start_paused = true)]
async fn the_service_accounts_of_a_namespace_count_as_one_user() {
    let sessions = Sessions::default();
    let jane = start(&sessions, "system:serviceaccount:team:jane", MAX_AGE);
    for number in 0..MAX_SESSIONS {
        advance(Duration::from_millis(1)).await;
        start(&sessions, &format!("system:serviceaccount:hostile:{number}"), MAX_AGE);
    }
    assert_eq!(sessions.count(), 1 + MAX_SESSIONS_OF_USER);
    assert!(sessions.find(&jane).is_some());
}

#[tokio::test]
async fn an_ended_session_is_gone() {
    let sessions = Sessions::default();
    let id = start(&sessions, "jane", MAX_AGE);
    sessions.end(&id);
    assert!(sessions.find(&id).is_none());
}
