//! What the database keeps of orders while events are written: who is ordering which names, which
//! number an order has, and whose a certificate is.
//!
//! Each of these is refused where it would mean a second order. Nothing here begins or ends a
//! transaction.

use rusqlite::{Connection, params};

use super::writer::WriteError;
use crate::run::Intent;
use crate::store::StoreError;
use crate::types::{CertificateId, RunId};

/// Where the run orders: the real API, or which sandbox.
pub(super) fn place(connection: &Connection, run: &RunId) -> rusqlite::Result<String> {
    connection
        .prepare_cached("SELECT place FROM runs WHERE id = ?1")?
        .query_row([run.as_str()], |row| row.get(0))
}

/// From here on no other run may order the same names at the same place: whose order a certificate
/// is could not be told apart any more.
pub(super) fn reserve(
    connection: &Connection,
    run: &RunId,
    intent: &Intent,
) -> Result<(), WriteError> {
    let place = place(connection, run)?;
    let key = format!("{place} {}", intent.names_key());
    // Runs of older programs have an address in place of the place.
    let owner: Option<String> = connection
        .prepare_cached(
            "SELECT id FROM runs WHERE ordering IS NOT NULL AND sandbox = ?1 \
             AND substr(ordering, instr(ordering, ' ') + 1) = ?2 ORDER BY id = ?3 LIMIT 1",
        )?
        .query(params![place == "sandbox", intent.names_key(), run.as_str()])?
        .next()?
        .map(|row| row.get(0))
        .transpose()?;
    if let Some(owner) = owner.filter(|owner| owner != run.as_str()) {
        return Err(StoreError::NamesBeingOrdered { names: intent.names_key(), owner }.into());
    }
    // One thing at a time: what is unanswered must not lose its place to what comes after it.
    let open: Option<String> = connection
        .prepare_cached("SELECT ordering FROM runs WHERE id = ?1")?
        .query_row([run.as_str()], |row| row.get(0))?;
    if let Some(open) = open.filter(|open| *open != key) {
        let names = open.strip_prefix(&format!("{place} ")).unwrap_or(&open).to_owned();
        return Err(StoreError::NamesBeingOrdered { names, owner: run.to_string() }.into());
    }
    if intent.obtains_certificate() {
        number(connection, run, place == "sandbox", intent)?;
    }
    connection
        .prepare_cached("UPDATE runs SET ordering = ?2 WHERE id = ?1")?
        .execute([run.as_str(), &key])?;
    Ok(())
}

/// Gives an order or a reissue its number. Whoever decided to begin the run did not know of those
/// with a higher number than the run's header names: an order for the same names would be one too
/// many. A sandbox forgets what was ordered in it, so nothing is compared there.
fn number(
    connection: &Connection,
    run: &RunId,
    sandbox: bool,
    intent: &Intent,
) -> Result<(), WriteError> {
    let names = intent.names_key();
    if let (false, Intent::Order(_)) = (sandbox, intent) {
        let newer: Option<String> = connection
            .prepare_cached(
                "SELECT run FROM orders WHERE NOT sandbox AND names = ?1 AND run <> ?2 \
                 AND number > (SELECT json_extract(body, '$.kind.orders_known') FROM events \
                 WHERE run = (SELECT number FROM runs WHERE id = ?2) AND sequence = 1) LIMIT 1",
            )?
            .query(params![names, run.as_str()])?
            .next()?
            .map(|row| row.get(0))
            .transpose()?;
        if let Some(owner) = newer {
            return Err(StoreError::OrderedMeanwhile { names, owner }.into());
        }
    }
    connection
        .prepare_cached("INSERT OR IGNORE INTO orders (run, sandbox, names) VALUES (?1, ?2, ?3)")?
        .execute(params![run.as_str(), sandbox, names])?;
    Ok(())
}

/// Nothing came of what the run was ordering.
pub(super) fn strike_out(connection: &Connection, run: &RunId) -> Result<(), WriteError> {
    connection
        .prepare_cached(
            "DELETE FROM orders WHERE run = ?1 AND names = (SELECT \
             substr(ordering, instr(ordering, ' ') + 1) FROM runs WHERE id = ?1)",
        )?
        .execute([run.as_str()])?;
    Ok(())
}

pub(super) fn release(connection: &Connection, run: &RunId) -> Result<(), WriteError> {
    connection
        .prepare_cached("UPDATE runs SET ordering = NULL WHERE id = ?1")?
        .execute([run.as_str()])?;
    Ok(())
}

/// Whoever ordered the certificate hands it on to the run that has it issued anew.
pub(super) fn give_up(connection: &Connection, id: &CertificateId) -> Result<(), WriteError> {
    connection
        .prepare_cached("UPDATE runs SET certificate_id = NULL WHERE certificate_id = ?1")?
        .execute([id.as_str()])?;
    Ok(())
}

pub(super) fn bind(
    connection: &Connection,
    run: &RunId,
    id: &CertificateId,
) -> Result<(), WriteError> {
    let owner: Option<String> = connection
        .prepare_cached("SELECT id FROM runs WHERE certificate_id = ?1")?
        .query([id.as_str()])?
        .next()?
        .map(|row| row.get(0))
        .transpose()?;
    match owner {
        Some(owner) if owner != run.as_str() => {
            Err(StoreError::CertificateOwned { certificate_id: id.clone(), owner }.into())
        }
        _ => {
            connection
                .prepare_cached("UPDATE runs SET certificate_id = ?2 WHERE id = ?1")?
                .execute([run.as_str(), id.as_str()])?;
            Ok(())
        }
    }
}
