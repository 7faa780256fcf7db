//! `Snapshot`: one answer of the certificate list, with what makes it quick to search.
//!
//! It also decides what an order has to remember of the list. Pure.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::recognition::may_be;
use crate::api::regfish::{Certificate, CertificateList};
use crate::types::{CertificateId, DomainName, Timestamp};

/// A list with no more certificates than this is remembered whole.
const SMALL_LIST: usize = 64;

/// Of a larger list, about so many are remembered as witnesses.
const WITNESSES: usize = 32;

/// The certificates of the account, as one list call showed them.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// When the call began: it shows nothing that came later for certain.
    pub(super) asked_at: Timestamp,
    pub(super) list: CertificateList,
    by_id: HashMap<CertificateId, usize>,
    by_common_name: HashMap<DomainName, Vec<usize>>,
    /// Those without a readable common name.
    nameless: Vec<usize>,
}

impl Snapshot {
    pub(super) fn new(asked_at: Timestamp, list: CertificateList) -> Self {
        let mut snapshot = Self {
            asked_at,
            by_id: HashMap::with_capacity(list.certificates.len()),
            by_common_name: HashMap::with_capacity(list.certificates.len()),
            nameless: Vec::new(),
            list: CertificateList { certificates: Vec::new(), ..list },
        };
        for (index, certificate) in list.certificates.iter().enumerate() {
            snapshot.by_id.insert(certificate.id.clone(), index);
            let name = certificate.common_name.as_ref();
            match name.and_then(|name| DomainName::parse(name).ok()) {
                Some(name) => snapshot.by_common_name.entry(name).or_default().push(index),
                None => snapshot.nameless.push(index),
            }
        }
        snapshot.list.certificates = list.certificates;
        snapshot
    }

    pub(super) fn len(&self) -> usize {
        self.list.certificates.len()
    }

    pub(super) fn get(&self, id: &CertificateId) -> Option<&Certificate> {
        self.list.certificates.get(*self.by_id.get(id)?).map(Arc::as_ref)
    }

    /// What an order of these names remembers of what was there before: every certificate that
    /// could ever be taken for it, and enough others to notice later that a list is of another
    /// account, or not whole. Ten thousand orders that each remember ten thousand ids would not
    /// fit anywhere.
    ///
    /// An id that is left out is of a certificate for another name, which is never taken for the
    /// order in the first place.
    pub(super) fn to_remember(
        &self,
        common_name: &DomainName,
        names: &BTreeSet<DomainName>,
    ) -> BTreeSet<CertificateId> {
        let all = &self.list.certificates;
        if all.len() <= SMALL_LIST {
            return all.iter().map(|certificate| certificate.id.clone()).collect();
        }
        let same_name = self.by_common_name.get(common_name).into_iter().flatten();
        let similar = same_name
            .chain(&self.nameless)
            .filter_map(|index| all.get(*index))
            .filter(|certificate| may_be(certificate, common_name, names));
        let witnesses = all.iter().step_by(all.len() / WITNESSES).chain(all.last());
        similar.chain(witnesses).map(|certificate| certificate.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::regfish::recognition::sample;

    fn list(count: usize, name: impl Fn(usize) -> Option<String>) -> Snapshot {
        let certificates = (0..count).map(|index| Certificate {
            id: CertificateId::parse(&format!("C{index}")).unwrap(),
            common_name: name(index),
            dns_names: Vec::new(),
            ..sample()
        });
        let certificates = certificates.map(Arc::new).collect();
        let list = CertificateList { certificates, unreadable: Vec::new(), explicit: true };
        Snapshot::new(Timestamp::UNIX_EPOCH, list)
    }

    fn remembered(snapshot: &Snapshot, name: &str) -> BTreeSet<CertificateId> {
        let name = DomainName::parse(name).unwrap();
        snapshot.to_remember(&name, &BTreeSet::from([name.clone()]))
    }

    fn id(index: usize) -> CertificateId {
        CertificateId::parse(&format!("C{index}")).unwrap()
    }

    #[test]
    fn a_small_list_is_remembered_whole() {
        let snapshot = list(64, |index| Some(format!("www{index}.example.com")));
        assert_eq!(remembered(&snapshot, "shop.example.com").len(), 64);
    }

    #[test]
    fn of_a_large_list_all_that_could_be_the_order_is_remembered_and_some_witnesses() {
        let name = |index: usize| match index {
            4_321 | 7_777 => Some("WWW.example.com.".to_owned()),
            5_555 => None,
            _ => Some(format!("www{index}.example.com")),
        };
        let snapshot = list(10_000, name);
        let remembered = remembered(&snapshot, "www.example.com");
        assert!([4_321, 7_777, 5_555].iter().all(|index| remembered.contains(&id(*index))));
        assert!(remembered.contains(&id(0)) && remembered.contains(&id(9_999)));
        assert!(remembered.len() < 48, "{}", remembered.len());
    }

    #[test]
    fn a_list_that_shows_no_names_is_remembered_whole() {
        let snapshot = list(1_000, |_| None);
        assert_eq!(remembered(&snapshot, "www.example.com").len(), 1_000);
    }
}
