//! `SqliteStore` itself: files of other programs, of older ones, copies, and many at once.

use super::*;

#[tokio::test]
async fn the_sqlite_store_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("state.db")).unwrap();
    super::super::contract::keeps_the_contract(&store).await;
}

#[test]
fn runs_that_have_ordered_for_a_name_are_found_without_reading_all_events() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    drop(SqliteStore::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    let query = format!(
        "EXPLAIN QUERY PLAN SELECT runs.id FROM events JOIN runs ON runs.number = events.run \
         WHERE {} AND {} = 'www.example.com'",
        schema::IS_INTENT,
        schema::FIRST_NAME
    );
    let plan: String = connection.query_row(&query, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("events_by_first_name"), "{plan}");
}

#[tokio::test]
async fn what_was_written_is_there_for_another_program_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let (first, second) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
    let run = super::super::contract::new_run(7);
    let id = run.id.clone();
    first.create_run(run).await.unwrap();
    assert_eq!(second.load_run(&id).await.unwrap().events.len(), 1);
    assert_eq!(second.list_runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_older_copy_of_the_file_orders_nothing_for_names_that_it_has_forgotten() {
    use super::super::contract::{intent, new_run, started};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let (early, late) = (new_run(1), new_run(2));
    let (one, two) = (early.id.clone(), late.id.clone());
    let store = SqliteStore::open(&path).unwrap();
    store.create_run(early).await.unwrap();
    drop(store);
    let copy = directory.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();

    let store = SqliteStore::open(&path).unwrap();
    store.append(&one, vec![started(2), intent(3)]).await.unwrap();
    assert_eq!(store.lost_orders().await.unwrap(), []);
    drop(store);
    std::fs::copy(&copy, &path).unwrap();

    // The run that had ordered has not, as far as it knows; neither has anybody else.
    for _ in 0..2 {
        let store = SqliteStore::open(&path).unwrap();
        let [lost] = store.lost_orders().await.unwrap().try_into().unwrap();
        assert_eq!((&lost.run, lost.names.as_str()), (&one, "www.example.com"));
        let refused = store.append(&one, vec![started(2), intent(3)]).await.unwrap_err();
        assert!(matches!(refused, StoreError::OrderForgotten(_)), "{refused}");
        assert_eq!(store.load_run(&one).await.unwrap().events.len(), 1);
        if store.list_runs().await.unwrap().len() == 1 {
            store.create_run(late.clone()).await.unwrap();
        }
        let refused = store.append(&two, vec![started(2), intent(3)]).await.unwrap_err();
        assert!(matches!(refused, StoreError::OrderForgotten(_)), "{refused}");
    }
    SqliteStore::open(&path).unwrap().settle_lost(&one).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.append(&two, vec![started(2), intent(3)]).await.unwrap();
    assert_eq!(store.lost_orders().await.unwrap(), []);
}

#[tokio::test]
async fn a_closed_store_is_one_file_that_holds_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let run = super::super::contract::new_run(7);
    let id = run.id.clone();
    let store = SqliteStore::open(&path).unwrap();
    store.create_run(run).await.unwrap();
    store.load_run(&id).await.unwrap();
    drop(store);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    let copy = directory.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let copy = SqliteStore::open(&copy).unwrap();
    assert_eq!(copy.load_run(&id).await.unwrap().events.len(), 1);
}

#[test]
fn many_programs_may_make_the_file_at_the_same_time() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        let barrier = std::sync::Barrier::new(16);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    barrier.wait();
                    SqliteStore::open(&path).unwrap();
                });
            }
        });
    }
}

#[test]
fn what_can_only_be_read_can_be_read_and_refuses_to_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a # b%20c?.db");
    let run = super::super::contract::new_run(7);
    let id = run.id.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = SqliteStore::open(&path).unwrap();
    runtime.block_on(store.create_run(run)).unwrap();
    drop(store);
    let store = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(runtime.block_on(store.load_run(&id)).unwrap().events.len(), 1);
    let refused = runtime.block_on(store.append(&id, Vec::new()));
    assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn batches_of_a_program_that_did_not_keep_what_it_was_asked_are_listed_all_the_same() {
    use crate::store::{BatchMember, BatchRequest, NewBatch};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let (run, id) = (super::super::contract::new_run(7), BatchId::from_random(1));
    let started = run.events[0].clone();
    let batch = NewBatch {
        id: id.clone(),
        at: started.at,
        program: "certplan test".to_owned(),
        request: BatchRequest { plan: Some("dv.yaml".to_owned()), ..BatchRequest::default() },
        plans: vec![run.plan],
        members: vec![BatchMember::New { run: run.id.clone(), started: Box::new(started) }],
    };
    let store = SqliteStore::open(&path).unwrap();
    store.create_batch(batch).await.unwrap();
    drop(store);
    Connection::open(&path).unwrap().execute_batch("DROP TABLE batch_requests").unwrap();
    // First by somebody who only looks, then by one who makes room for what is kept from now on.
    for open in [SqliteStore::open_read_only, SqliteStore::open] {
        let store = open(&path).unwrap();
        let [listed] = store.list_batches().await.unwrap().try_into().unwrap();
        assert_eq!((listed.id, listed.request), (id.clone(), BatchRequest::default()));
        assert_eq!(store.batch_runs(&id).await.unwrap(), std::slice::from_ref(&run.id));
    }
}

/// A file as programs of format 4 have left it, or of an earlier one, with one run.
fn former_file(path: &Path, run: &NewRun, format: i64) {
    let connection = Connection::open(path).unwrap();
    let tables = "
        CREATE TABLE plans (digest TEXT NOT NULL, semantics INTEGER NOT NULL, \
            text TEXT NOT NULL, compiled TEXT NOT NULL, PRIMARY KEY (digest, semantics)) \
            WITHOUT ROWID;
        CREATE TABLE runs (id TEXT NOT NULL PRIMARY KEY, plan_digest TEXT NOT NULL, \
            semantics INTEGER NOT NULL, plan_name TEXT NOT NULL, target TEXT NOT NULL, \
            sandbox INTEGER NOT NULL, place TEXT NOT NULL, phase TEXT NOT NULL, \
            certificate_id TEXT, ordering TEXT, started_at TEXT NOT NULL, \
            updated_at TEXT NOT NULL) WITHOUT ROWID;
        CREATE UNIQUE INDEX runs_by_certificate ON runs (certificate_id) \
            WHERE certificate_id IS NOT NULL;
        CREATE UNIQUE INDEX runs_by_ordering ON runs (ordering) WHERE ordering IS NOT NULL;
        CREATE TABLE events (run TEXT NOT NULL REFERENCES runs (id), \
            sequence INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, sequence)) \
            WITHOUT ROWID;
        PRAGMA application_id = 1128616532;";
    let since_2 = "
        CREATE TABLE batches (id TEXT NOT NULL PRIMARY KEY, started_at TEXT NOT NULL, \
            program TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE batch_runs (batch TEXT NOT NULL REFERENCES batches (id), \
            position INTEGER NOT NULL, run TEXT NOT NULL REFERENCES runs (id), \
            PRIMARY KEY (batch, position)) WITHOUT ROWID;
        INSERT INTO batches VALUES ('bbbbbbbbbb', '2026-01-01T00:00:00Z', 'certplan');";
    let since_4 = "
        CREATE TABLE orders (number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, \
            run TEXT NOT NULL REFERENCES runs (id), sandbox INTEGER NOT NULL, \
            names TEXT NOT NULL, UNIQUE (run, names));";
    connection.execute_batch(tables).unwrap();
    let plan = &run.plan;
    connection
        .execute(
            "INSERT INTO plans VALUES (?1, ?2, ?3, ?4)",
            params![plan.digest, plan.semantics, plan.text, plan.compiled],
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO runs VALUES (?1, ?2, ?3, 'dv', 'www.example.com', 0, 'real', \
             'parked', '7K9QW3M2ZT8HVX4N', NULL, ?4, ?4)",
            params![run.id.as_str(), plan.digest, plan.semantics, "2026-01-01T00:00:00Z"],
        )
        .unwrap();
    for event in &run.events {
        let body = serde_json::to_string(event).unwrap();
        let row = params![run.id.as_str(), event.sequence, body];
        connection.execute("INSERT INTO events VALUES (?1, ?2, ?3)", row).unwrap();
    }
    let id = run.id.as_str();
    if format >= 2 {
        connection.execute_batch(since_2).unwrap();
        let join = "INSERT INTO batch_runs VALUES ('bbbbbbbbbb', 0, ?1)";
        connection.execute(join, [id]).unwrap();
    }
    if format >= 4 {
        connection.execute_batch(since_4).unwrap();
        let order = "INSERT INTO orders (run, sandbox, names) VALUES (?1, 0, 'www.example.com')";
        connection.execute(order, [id]).unwrap();
    }
    connection.pragma_update(None, "user_version", format).unwrap();
}

#[tokio::test]
async fn a_file_of_an_older_program_is_brought_up_to_date_and_forgets_nothing() {
    use super::super::contract::{intent, new_run, started};
    for format in 1..=4 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        let run = NewRun { events: started_run(&new_run(7)), ..new_run(7) };
        former_file(&path, &run, format);

        let looking = SqliteStore::open_read_only(&path).unwrap_err();
        assert!(matches!(looking, StoreError::Older { .. }), "{looking}");

        for _ in 0..2 {
            let store = SqliteStore::open(&path).unwrap();
            assert_eq!(store.load_run(&run.id).await.unwrap().events, run.events);
            let [summary] = store.list_runs().await.unwrap().try_into().unwrap();
            assert_eq!(summary.phase, "parked");
            assert_eq!(store.certificate_owners().await.unwrap().len(), 1);
            assert_eq!(store.integrity().await.unwrap(), Vec::<String>::new());
            let batches = store.list_batches().await.unwrap();
            assert_eq!(batches.len(), usize::from(format >= 2));
            for batch in batches {
                assert_eq!(
                    store.batch_runs(&batch.id).await.unwrap(),
                    std::slice::from_ref(&run.id)
                );
            }
            assert_eq!(store.newest_order().await.unwrap(), u64::from(format >= 4));
        }
        // Whoever refers to the runs finds them, and only them.
        let connection = Connection::open(&path).unwrap();
        let strangers = "SELECT count(*) FROM pragma_foreign_key_check";
        assert_eq!(connection.query_row(strangers, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
        let parents =
            "SELECT group_concat(DISTINCT \"table\") FROM pragma_foreign_key_list('batch_runs')";
        let parents: String = connection.query_row(parents, [], |row| row.get(0)).unwrap();
        assert!(parents.contains("runs") && !parents.contains("former"), "{parents}");
        drop(connection);

        let store = SqliteStore::open(&path).unwrap();
        store.create_run(new_run(8)).await.unwrap();
        store.append(&new_run(8).id, vec![started(2), intent(3)]).await.unwrap();
        assert_eq!(store.list_runs().await.unwrap().len(), 2);
    }
}

/// The events of a run that has begun its first step.
fn started_run(run: &NewRun) -> Vec<Event> {
    run.events.iter().cloned().chain([super::super::contract::started(2)]).collect()
}

#[tokio::test]
async fn nothing_is_written_into_a_file_that_was_taken_away_or_replaced() {
    use super::super::contract::{intent, new_run, started};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(&path).unwrap();
    store.create_run(new_run(1)).await.unwrap();
    let id = new_run(1).id;
    std::fs::rename(&path, directory.path().join("moved.db")).unwrap();
    let refused = store.append(&id, vec![started(2), intent(3)]).await.unwrap_err().to_string();
    assert!(refused.ends_with("deleted or replaced while this program works with it"), "{refused}");
    std::fs::write(&path, "another file").unwrap();
    let refused = store.append(&id, vec![started(2), intent(3)]).await;
    assert!(matches!(refused, Err(StoreError::Database { .. })), "{refused:?}");
    // Whoever puts it back in time loses nothing.
    std::fs::rename(directory.path().join("moved.db"), &path).unwrap();
    store.append(&id, vec![started(2), intent(3)]).await.unwrap();
}

#[tokio::test]
async fn a_job_that_fails_takes_no_other_of_its_group_with_it() {
    use super::super::contract::{new_run, started};
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("state.db")).unwrap();
    // None of them is waited for before the last is sent, so that they are written together.
    let jobs: Vec<_> = (1..=40)
        .flat_map(|number| {
            let id = new_run(number).id;
            let created = store.create_run(new_run(number));
            let gap = store.append(&id, vec![started(9)]);
            [created, gap, store.append(&id, vec![started(2)])]
        })
        .collect();
    let answers = futures_util::future::join_all(jobs).await;
    for answer in answers.chunks(3) {
        let [Ok(()), Err(StoreError::Conflict(_)), Ok(())] = answer else { panic!("{answer:?}") };
    }
    for (_, state) in store.fold_runs().await.unwrap() {
        assert_eq!(state.unwrap().steps.len(), 1);
    }
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    std::fs::write(&path, "this is a letter to my aunt, not a database").unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("this is a letter"));
}

#[test]
fn a_database_of_somebody_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes (cake TEXT)").unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[test]
fn a_file_of_a_newer_program_is_refused_with_both_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("has format 99; this program knows formats up to 5"), "{error}");
}
