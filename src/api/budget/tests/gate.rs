//! Who goes when: the queue, the jobs, the emergency stop, a service that is down.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::{Budget, BudgetSettings, Pause, PauseFile, Standing, Windows};
use crate::api::http::script::{Reply, Script};
use crate::api::http::{
    Connection, ErrorKind, Gate as _, HttpClient, Method, Pass, Request, Turn, Urgency, Verdict,
};
use crate::types::{Clock, SystemClock, Timestamp, VirtualClock, Work};

const MINUTE: Duration = Duration::from_secs(60);

fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::starting_at("2026-03-01T12:00:00Z".parse().unwrap()))
}

fn budget(settings: BudgetSettings, clock: Arc<dyn Clock>) -> Budget {
    Budget::new(settings, clock, Arc::new(|| 0.5))
}

fn limited(windows: &str, clock: &Arc<VirtualClock>) -> Budget {
    let windows = Windows::parse(windows).unwrap();
    budget(BudgetSettings { windows, ..BudgetSettings::default() }, clock.clone())
}

fn jobs(jobs: usize, clock: &Arc<VirtualClock>) -> Budget {
    budget(BudgetSettings { jobs, ..BudgetSettings::default() }, clock.clone())
}

async fn pass(budget: &Budget, urgency: Urgency) -> Pass {
    match budget.pass(urgency).await.unwrap() {
        Turn::Go(pass) | Turn::Probe(pass) => pass,
    }
}

/// Waits for a turn in a task of its own, and says so on `turns`.
fn join(
    budget: &Budget,
    urgency: Urgency,
    clock: &Arc<VirtualClock>,
    turns: &mpsc::UnboundedSender<(Urgency, i64)>,
) -> Work {
    let work = Work::begin(clock.clone(), None);
    let (budget, clock, turns, done) = (budget.clone(), clock.clone(), turns.clone(), work.clone());
    tokio::spawn(async move {
        let turn = done.within(MINUTE, pass(&budget, urgency)).await.unwrap();
        turns.send((urgency, clock.now().as_second())).unwrap();
        turn.report(Verdict::Answered);
        drop(done.end());
    });
    work
}

#[tokio::test]
async fn an_order_that_comes_last_goes_first_as_soon_as_there_is_room() {
    let clock = clock();
    let budget = limited("1/10s", &clock);
    let begin = clock.now().as_second();
    let busy = clock.busy();
    pass(&budget, Urgency::Read).await.report(Verdict::Answered);
    let (sender, mut turns) = mpsc::unbounded_channel();
    for urgency in [Urgency::Read, Urgency::Write, Urgency::Write, Urgency::Order] {
        join(&budget, urgency, &clock, &sender);
        tokio::task::yield_now().await;
    }
    drop(busy);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (urgency, at) = turns.recv().await.unwrap();
        seen.push((urgency, at - begin));
    }
    let expected =
        [(Urgency::Order, 10), (Urgency::Write, 20), (Urgency::Write, 30), (Urgency::Read, 40)];
    assert_eq!(seen, expected, "the clock moves by one window each time");
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_there_are_jobs() {
    let clock = clock();
    let budget = jobs(2, &clock);
    let busy = clock.busy();
    let first = pass(&budget, Urgency::Read).await;
    let second = pass(&budget, Urgency::Read).await;
    let (sender, mut turns) = mpsc::unbounded_channel();
    join(&budget, Urgency::Read, &clock, &sender);
    tokio::task::yield_now().await;
    assert_eq!((budget.usage().under_way, budget.usage().waiting), (2, 1));
    assert!(turns.try_recv().is_err());
    // A pass that is dropped makes room, too: the call was broken off.
    drop(first);
    turns.recv().await.unwrap();
    second.report(Verdict::Answered);
    drop(busy);
    assert_eq!((budget.usage().under_way, budget.usage().waiting), (0, 0));
}

#[tokio::test]
async fn whoever_gives_up_waiting_holds_nobody_back() {
    let clock = clock();
    let budget = jobs(1, &clock);
    let first = pass(&budget, Urgency::Read).await;
    let (sender, mut turns) = mpsc::unbounded_channel();
    {
        let mut gone = budget.pass(Urgency::Order);
        let waker = std::task::Waker::noop();
        assert!(gone.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        // It is called, and gone before it hears of it.
        join(&budget, Urgency::Read, &clock, &sender);
        tokio::task::yield_now().await;
        first.report(Verdict::Answered);
    }
    turns.recv().await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!((budget.usage().under_way, budget.usage().waiting), (0, 0));
}

#[tokio::test]
async fn work_that_is_called_back_does_not_wait_any_longer_and_did_nothing() {
    let clock = clock();
    let budget = jobs(1, &clock);
    let _first = pass(&budget, Urgency::Read).await;
    let work = Work::begin(clock.clone(), None);
    let waits = work.within(MINUTE, budget.pass(Urgency::Order));
    let (turned_away, ()) = tokio::join!(waits, async { work.release() });
    assert_eq!(turned_away.unwrap().unwrap_err().reason, "too many requests are under way");
    assert!(work.was_turned_away());
    assert_eq!((budget.usage().under_way, budget.usage().waiting), (1, 0));
}

#[tokio::test]
async fn nobody_waits_beyond_the_own_deadline() {
    let clock = clock();
    let budget = jobs(1, &clock);
    let _first = pass(&budget, Urgency::Read).await;
    let until = clock.now() + MINUTE * 30;
    let work = Work::begin(clock.clone(), Some(until));
    work.within(MINUTE, budget.pass(Urgency::Order)).await.unwrap().unwrap_err();
    assert_eq!(clock.now(), until);
    assert!(!work.was_turned_away());
}

#[tokio::test(start_paused = true)]
async fn an_emergency_stop_is_seen_before_the_next_request_and_its_end_soon_after() {
    let folder = tempfile::tempdir().unwrap();
    let pause = PauseFile::in_directory(folder.path());
    let settings = BudgetSettings { pause: Some(pause.clone()), ..BudgetSettings::default() };
    let budget = budget(settings, Arc::new(SystemClock));
    pass(&budget, Urgency::Order).await.report(Verdict::Answered);
    let reason = Some("wrong account".to_owned());
    std::fs::write(pause.path(), Pause { since: None, reason: reason.clone() }.to_json()).unwrap();
    let mut standing = budget.standing();
    let waits = tokio::spawn({
        let budget = budget.clone();
        async move { drop(pass(&budget, Urgency::Order).await) }
    });
    standing
        .wait_for(|standing| *standing == Standing::Paused { reason: reason.clone() })
        .await
        .unwrap();
    assert!(!waits.is_finished());
    std::fs::remove_file(pause.path()).unwrap();
    waits.await.unwrap();
    assert_eq!(*standing.borrow(), Standing::Flowing);
}

fn client(script: &Script, budget: &Budget, clock: &Arc<VirtualClock>) -> HttpClient {
    let gate = Arc::new(budget.clone());
    HttpClient::new(Connection { gate, clock: clock.clone(), ..script.connection() }).unwrap()
}

fn ok() -> Reply {
    Reply::json(200, "{}")
}

fn down() -> Reply {
    Reply::json(503, "{}")
}

#[tokio::test]
async fn a_service_that_went_down_is_probed_and_no_request_of_a_run_is_spent_on_it() {
    let clock = clock();
    let budget = limited("none", &clock);
    let replies = vec![ok(), down(), down(), down(), down(), down(), ok(), ok()];
    let script = Script::start(replies).await;
    let client = client(&script, &budget, &clock);
    let order = Request::new(Method::Post, &["order"]);
    let begin = clock.now();
    let work = Work::begin(clock.clone(), None);
    work.within(MINUTE, async {
        for status in [200, 503, 503, 503] {
            assert_eq!(client.send(&order).await.unwrap().status, status);
        }
        assert_eq!(clock.now(), begin, "up to here nobody waited");
        assert_eq!(client.send(&order).await.unwrap().status, 200);
    })
    .await
    .unwrap();
    let lines = script.lines();
    let (sent, rest) = lines.split_at(4);
    assert!(sent.iter().all(|line| line == "POST /order"), "{lines:?}");
    assert_eq!(
        rest,
        ["GET /tls/products", "GET /tls/products", "GET /tls/products", "POST /order"]
    );
    // 1 s, 2 s and 4 s, and by chance a quarter more.
    assert_eq!(clock.now(), begin + Duration::from_millis(8_750));
    assert_eq!(*budget.standing().borrow(), Standing::Flowing);
}

#[tokio::test]
async fn all_wait_for_a_service_that_is_down_and_can_be_told_so() {
    let clock = clock();
    let budget = limited("none", &clock);
    let script = Script::start(vec![ok(), down(), down(), down()]).await;
    let client = client(&script, &budget, &clock);
    let look = Request::new(Method::Get, &["x"]);
    let busy = clock.busy();
    for _ in 0..4 {
        client.send(&look).await.unwrap();
    }
    let (sender, mut turns) = mpsc::unbounded_channel();
    let work = join(&budget, Urgency::Order, &clock, &sender);
    tokio::task::yield_now().await;
    let since = clock.now();
    let down = Standing::Down { since, next: since + Duration::from_millis(1_250) };
    assert_eq!(*budget.standing().borrow(), down);
    assert!(turns.try_recv().is_err());
    work.release();
    drop(busy);
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_fulfilled_to_the_second() {
    let clock = clock();
    let budget = limited("none", &clock);
    let refusal = Reply::answer(429, "Retry-After: 90\r\n", "");
    let script = Script::start(vec![refusal, ok(), ok()]).await;
    let client = client(&script, &budget, &clock);
    let look = Request::new(Method::Get, &["x"]);
    let begin = clock.now();
    let work = Work::begin(clock.clone(), None);
    work.within(MINUTE, async {
        assert_eq!(client.send(&look).await.unwrap().status, 429);
        assert_eq!(client.send(&look).await.unwrap().status, 200);
    })
    .await
    .unwrap();
    assert_eq!(clock.now(), begin + Duration::from_secs(90));
}

#[tokio::test]
async fn a_request_that_never_got_its_turn_is_known_to_have_done_nothing() {
    let clock = clock();
    let budget = jobs(1, &clock);
    let _first = pass(&budget, Urgency::Read).await;
    let script = Script::start(vec![]).await;
    let client = client(&script, &budget, &clock);
    let until = Some(clock.now() + MINUTE);
    let work = Work::begin(clock.clone(), until);
    let order = Request::new(Method::Post, &["order"]);
    let error = work.within(MINUTE, client.send(&order)).await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "POST /order was not sent: it waited in vain; too many requests are under way"
    );
    assert!(matches!(error.kind, ErrorKind::Held { .. }));
    assert_eq!(error.effect(), crate::api::http::Effect::None);
    assert!(script.requests().is_empty());
}

#[test]
fn a_standing_reads_as_a_sentence() {
    let at: Timestamp = "2026-03-01T12:00:00.25Z".parse().unwrap();
    for (standing, text) in [
        (Standing::Held { until: at }, "the API asked for a pause until 2026-03-01T12:00:00Z"),
        (Standing::Paused { reason: None }, "paused"),
    ] {
        assert_eq!(standing.to_string(), text);
    }
}
