//! The calls of the DNS API that the validation of a certificate needs (contract A.12).
//!
//! Changes are live at once, without undo. Whose a record is, is for the caller to know.

use super::client::{RegfishClient, with_json};
use super::convert::{normal_host, wire_record};
use super::model::{CreateRecord, DnsRecord, Listing, NewRecord, Zone, ZoneName};
use crate::api::http::{ApiError, ErrorKind, Method, Request};

/// "Record not found", also said of a zone that the key does not manage (contract A.0).
const CODE_NOT_FOUND: i64 = 15001;

/// "Record exists already" (contract A.0).
const CODE_EXISTS: i64 = 15003;

/// The status that comes with [`CODE_EXISTS`].
const STATUS_EXISTS: u16 = 417;

impl RegfishClient {
    /// Lists all zones that the key manages, without their records.
    pub async fn list_zones(&self) -> Result<Listing<ZoneName>, ApiError> {
        self.list(&["dns", "zones"]).await
    }

    /// Lists the records of a zone; nothing when the key does not manage it.
    pub async fn list_records(&self, zone: &str) -> Result<Option<Vec<DnsRecord>>, ApiError> {
        match self.list(&["dns", &normal_host(zone), "rr"]).await {
            Ok(listing) => {
                for reason in &listing.unreadable {
                    tracing::warn!(zone, reason, "a record of the zone cannot be read");
                }
                Ok(Some(listing.items))
            }
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Finds the zone that holds `name`, with its records, by asking for longer names first.
    ///
    /// Sends one request for each candidate; any error but "not found" ends the search, because
    /// guessing a zone would put the record where nobody sees it.
    pub async fn find_zone(&self, name: &str) -> Result<Option<Zone>, ApiError> {
        for candidate in zone_candidates(&normal_host(name)) {
            if let Some(records) = self.list_records(candidate).await? {
                return Ok(Some(Zone { name: candidate.to_owned(), records }));
            }
        }
        Ok(None)
    }

    /// Makes a record; the server finds the zone by its name.
    pub async fn create_record(&self, record: &NewRecord) -> Result<CreateRecord, ApiError> {
        let request = Request::new(Method::Post, &["dns", "rr"]);
        match self.object(&with_json(request, &wire_record(record))?).await {
            Ok(record) => Ok(CreateRecord::Created(record)),
            Err(error) if says_exists(&error) => Ok(CreateRecord::Exists),
            Err(error) => Err(error),
        }
    }

    /// Reads one record; nothing when it is gone.
    pub async fn get_record(&self, id: i64) -> Result<Option<DnsRecord>, ApiError> {
        let request = Request::new(Method::Get, &["dns", "rr", &id.to_string()]);
        match self.object(&request).await {
            Ok(record) => Ok(Some(record)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes a record; that it is gone already is as good.
    pub async fn delete_record(&self, id: i64) -> Result<(), ApiError> {
        let request = Request::new(Method::Delete, &["dns", "rr", &id.to_string()]);
        match self.call(&request).await {
            Ok(_) => Ok(()),
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// 404, or a refusal with 200 and the code (contract A.12: both are seen).
fn is_not_found(error: &ApiError) -> bool {
    matches!(error.kind, ErrorKind::NotFound { .. }) || error.code() == Some(CODE_NOT_FOUND)
}

fn says_exists(error: &ApiError) -> bool {
    match error.kind {
        ErrorKind::Refused { code: Some(code), .. } if code != 0 => code == CODE_EXISTS,
        ErrorKind::Refused { .. } => error.status == Some(STATUS_EXISTS),
        _ => false,
    }
}

/// The zones that could hold `name`: longest first, never a top-level domain alone.
///
/// Labels such as `_dnsauth` and `*` begin no zone.
fn zone_candidates(name: &str) -> impl Iterator<Item = &str> {
    let begins_no_zone = |name: &str| name.starts_with('_') || name.starts_with('*');
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent))
        .skip_while(move |name| begins_no_zone(name))
        .take_while(|name| name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_tried_from_the_longest_name_to_the_shortest() {
        for (name, zones) in [
            ("_dnsauth.a.example.co.uk", vec!["a.example.co.uk", "example.co.uk", "co.uk"]),
            ("example.com", vec!["example.com"]),
            ("*.example.com", vec!["example.com"]),
            ("com", vec![]),
            ("_dnsauth.com", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(zone_candidates(name).collect::<Vec<_>>(), zones, "{name}");
        }
    }
}
