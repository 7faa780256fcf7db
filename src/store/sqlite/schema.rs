//! The tables and their version.
//!
//! `application_id` says that a file is ours, `user_version` which format it has. Newer files are
//! refused: a program that does not know the rules must not write.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::StoreError;

/// "CERT" in ASCII.
const APPLICATION_ID: i64 = 0x4345_5254;

/// The newest format that this program knows, and the one that it writes.
///
/// Format 2 added batches. Format 3 changed no table, but how targets are locked: a program that
/// locks in the former way would not see who works on what. Format 4 numbers the orders. Format 5
/// puts events one behind the other, as they come.
const FORMAT: i64 = 5;

/// The oldest format that can be read as it is.
const READABLE: i64 = 5;

/// Another program may be in the middle of a large transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause before a busy file is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

const TABLES: &str = "
    CREATE TABLE plans (
        digest    TEXT    NOT NULL,
        semantics INTEGER NOT NULL,
        text      TEXT    NOT NULL,
        compiled  TEXT    NOT NULL,
        PRIMARY KEY (digest, semantics)
    ) WITHOUT ROWID;
";

/// Runs and their events are numbered as they come. A run's id is random, and so is which of a
/// thousand runs goes on next: kept by run, each event would change a page of its own, and each page
/// is written twice, here the events of a thousand runs stand on few pages.
const RUN_TABLES: &str = "
    -- Everything but the plan's key repeats what the events say, for listings.
    CREATE TABLE runs (
        number         INTEGER NOT NULL PRIMARY KEY,
        id             TEXT    NOT NULL UNIQUE,
        plan_digest    TEXT    NOT NULL,
        semantics      INTEGER NOT NULL,
        plan_name      TEXT    NOT NULL,
        target         TEXT    NOT NULL,
        sandbox        INTEGER NOT NULL,
        place          TEXT    NOT NULL,
        phase          TEXT    NOT NULL,
        certificate_id TEXT,
        -- While an order is sent and unanswered: for which names, and where.
        ordering       TEXT,
        started_at     TEXT    NOT NULL,
        -- Of a running run the last event knows better.
        updated_at     TEXT    NOT NULL
    );
    CREATE TABLE events (
        number   INTEGER NOT NULL PRIMARY KEY,
        run      INTEGER NOT NULL REFERENCES runs (number),
        sequence INTEGER NOT NULL,
        body     TEXT    NOT NULL,
        UNIQUE (run, sequence)
    );
";

/// What formats 1 to 4 have kept by run moves into the tables of format 5. The indexes of the former
/// tables go with them. Whoever refers to the runs does so by their name and id, which stay.
const MOVE_RUNS: &str = "
    ALTER TABLE runs RENAME TO former_runs;
    ALTER TABLE events RENAME TO former_events;
";
const MOVE_EVENTS: &str = "
    INSERT INTO runs (
        id, plan_digest, semantics, plan_name, target, sandbox, place, phase, certificate_id,
        ordering, started_at, updated_at
    ) SELECT
        id, plan_digest, semantics, plan_name, target, sandbox, place, phase, certificate_id,
        ordering, started_at, updated_at
    FROM former_runs ORDER BY started_at, id;
    INSERT INTO events (run, sequence, body)
        SELECT runs.number, former_events.sequence, former_events.body
        FROM runs JOIN former_events ON former_events.run = runs.id
        ORDER BY runs.number, former_events.sequence;
    DROP TABLE former_events;
    DROP TABLE former_runs;
";

const RUN_INDEXES: &str = "
    CREATE UNIQUE INDEX runs_by_certificate ON runs (certificate_id)
        WHERE certificate_id IS NOT NULL;
    CREATE UNIQUE INDEX runs_by_ordering ON runs (ordering) WHERE ordering IS NOT NULL;
";

/// Format 2 adds batches.
const BATCH_TABLES: &str = "
    CREATE TABLE batches (
        id         TEXT NOT NULL PRIMARY KEY,
        started_at TEXT NOT NULL,
        program    TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE batch_runs (
        batch    TEXT    NOT NULL REFERENCES batches (id),
        position INTEGER NOT NULL,
        run      TEXT    NOT NULL REFERENCES runs (id),
        PRIMARY KEY (batch, position)
    ) WITHOUT ROWID;
";

/// What the command was asked that began a batch. A program that knows nothing of it leaves it out and
/// loses nothing, so it is no format of its own.
const BATCH_REQUESTS_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS batch_requests (
        batch TEXT NOT NULL PRIMARY KEY REFERENCES batches (id),
        body  TEXT NOT NULL
    ) WITHOUT ROWID;
";

/// Format 4 numbers the orders as they are recorded, whatever the clock says; a number that came to
/// nothing is not given again. What older programs have ordered is found in the events alone.
const ORDERS_TABLE: &str = "
    CREATE TABLE orders (
        number  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        run     TEXT    NOT NULL REFERENCES runs (id),
        sandbox INTEGER NOT NULL,
        names   TEXT    NOT NULL,
        UNIQUE (run, names)
    );
    CREATE INDEX orders_by_names ON orders (sandbox, names);
";

/// Which run is ordering given names, wherever: without it ten thousand runs that order at once would
/// each look through all others. It says nothing new, so it is no format of its own: an older program
/// keeps it up without knowing it.
const NAMES_INDEX: &str = "
    CREATE INDEX IF NOT EXISTS runs_by_names_ordered
        ON runs (sandbox, substr(ordering, instr(ordering, ' ') + 1)) WHERE ordering IS NOT NULL;
";

/// The first of the names that an event is about to order for; nothing for other events.
pub(super) const FIRST_NAME: &str = "\
    CASE WHEN json_valid(body) THEN coalesce(\
        json_extract(body, '$.kind.intent.common_name'), \
        json_extract(body, '$.kind.intent.names[0]')) END";

/// Where that can be: the kind of an event stands at its begin, and looking there is cheap.
pub(super) const IS_INTENT: &str = "instr(substr(body, 1, 200), '\"intent_recorded\"') > 0";

/// Which runs have ordered for a name: without it, whoever starts one run reads the events of all
/// others. Like the index above it says nothing new, and every program keeps it up.
fn first_names_index() -> String {
    format!(
        "CREATE INDEX IF NOT EXISTS events_by_first_name ON events ({FIRST_NAME}) \
         WHERE {IS_INTENT};"
    )
}

/// Our statements. The cache of a connection holds sixteen otherwise, and we have more.
const STATEMENTS: usize = 64;

/// The log may have so many pages (16 MB) before they are put into the file. A thousand runs change
/// the same pages again and again, and each is then written once instead of many times.
const PAGES_IN_LOG: u32 = 4_000;

/// Opens the file for writing and makes or checks its format.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let database = |action| move |error| translate(path, action, &error);
    restrict(path)?;
    let mut connection = Connection::open(path).map_err(database("open"))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(database("open"))?;
    check(path, &connection)?;
    write_ahead(&connection).map_err(database("prepare"))?;
    connection.execute_batch("PRAGMA synchronous = FULL").map_err(database("prepare"))?;
    connection
        .pragma_update(None, "wal_autocheckpoint", PAGES_IN_LOG)
        .map_err(database("prepare"))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this, statements are planned anew for every value that they are given.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(database("prepare"))?;
    // Tables that are renamed keep those that refer to them by name, as long as nobody enforces it.
    connection
        .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;")
        .map_err(database("prepare"))?;
    create(&mut connection).map_err(database("prepare"))?;
    connection
        .execute_batch("PRAGMA legacy_alter_table = OFF; PRAGMA foreign_keys = ON;")
        .map_err(database("prepare"))?;
    Ok(connection)
}

/// Turns write-ahead logging on. While several programs make the same file at once, SQLite answers
/// this with "busy" at once, whatever its time-out is; so it is asked again.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let began = Instant::now();
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL") {
            Err(error)
                if began.elapsed() < BUSY_TIMEOUT
                    && matches!(
                        error.sqlite_error_code(),
                        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
                    ) =>
            {
                std::thread::sleep(BUSY_PAUSE);
            }
            result => return result,
        }
    }
}

/// The format of the file. Fails when it is not ours, or of a newer program.
fn check(path: &Path, connection: &Connection) -> Result<i64, StoreError> {
    let (application, tables, format) =
        marks(connection).map_err(|error| translate(path, "open", &error))?;
    if application != APPLICATION_ID && (application != 0 || tables != 0) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if format > FORMAT {
        return Err(StoreError::Newer { path: path.to_owned(), found: format, known: FORMAT });
    }
    Ok(format)
}

/// Opens the file where nothing beside it can be made.
///
/// A reader makes an index beside a file in WAL mode, unless it is told that the file cannot change.
/// That is true only where no log is left of a program that still runs or was killed.
pub(super) fn open_unwritable(path: &Path) -> Result<Connection, StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let connection = match path.to_str() {
        Some(text) if !Path::new(&log).exists() => {
            let text = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(format!("file:{text}?immutable=1"), flags)
                .map_err(|error| translate(path, "open", &error))?
        }
        _ => open_reader(path)?,
    };
    let format = check(path, &connection)?;
    if format < READABLE {
        return Err(StoreError::Older { path: path.to_owned(), found: format, known: FORMAT });
    }
    Ok(connection)
}

/// Opens the file a second time, for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let database = |error| translate(path, "open", &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(database)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(database)?;
    Ok(connection)
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    // Two programs may open a new file at once: look again once the file is ours.
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let format: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if format == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.execute_batch(RUN_TABLES)?;
        transaction.execute_batch(RUN_INDEXES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    if format < 2 {
        transaction.execute_batch(BATCH_TABLES)?;
    }
    if format < 4 {
        transaction.execute_batch(ORDERS_TABLE)?;
    }
    if format != 0 && format < 5 {
        transaction.execute_batch(MOVE_RUNS)?;
        transaction.execute_batch(RUN_TABLES)?;
        transaction.execute_batch(MOVE_EVENTS)?;
        transaction.execute_batch(RUN_INDEXES)?;
    }
    transaction.execute_batch(BATCH_REQUESTS_TABLE)?;
    transaction.execute_batch(NAMES_INDEX)?;
    transaction.execute_batch(&first_names_index())?;
    if format < FORMAT {
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    transaction.commit()
}

/// Whose the file is, how many tables it has, and of which format it is: all of one moment, since
/// another program may be making the file just now.
fn marks(connection: &Connection) -> rusqlite::Result<(i64, i64, i64)> {
    let moment = connection.unchecked_transaction()?;
    let tables = moment.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let marks = (pragma(&moment, "application_id")?, tables, pragma(&moment, "user_version")?);
    moment.finish()?;
    Ok(marks)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// Events hold no secret, but what is ordered for whom is nobody else's business. SQLite gives the
/// files beside a database the mode of the database, so the file is made before it is opened.
fn restrict(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.map(drop).map_err(|error| StoreError::Database {
        action: "open",
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

pub(super) fn translate(path: &Path, action: &'static str, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: path.to_owned() },
        Some(ErrorCode::DiskFull) => StoreError::Database {
            action,
            path: path.to_owned(),
            reason: "no space is left on the disk".to_owned(),
        },
        // The files beside the database are mapped, and say so less clearly.
        Some(ErrorCode::SystemIoFailure) => StoreError::Database {
            action,
            path: path.to_owned(),
            reason: format!("{error}; is the disk full, or broken?"),
        },
        _ => StoreError::Database { action, path: path.to_owned(), reason: error.to_string() },
    }
}
