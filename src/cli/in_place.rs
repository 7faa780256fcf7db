//! What a folder of certificate files has in place, for whoever tells of certificates.

use std::path::Path;

use crate::files::sets;
use crate::pki::Chain;
use crate::types::Timestamp;
use crate::upkeep::{InPlace, Issued};

/// No chain is larger, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The older certificate that is in place of `issued`; none when that one is, or when the folder
/// cannot tell. Where nothing was exchanged, this reads one link.
pub(super) fn in_place(issued: &Issued) -> Option<InPlace> {
    let (directory, set) = (Path::new(issued.directory.as_deref()?), issued.set.as_deref()?);
    let link = std::fs::read_link(directory.join("current")).ok()?;
    if link.file_name().is_some_and(|name| name == set) {
        return None;
    }
    let sets = sets(directory).ok()?;
    let current = sets.find(sets.current.as_deref()?)?;
    // Without the newer one there is nothing to go forward to.
    sets.find(set)?;
    let (from, until) =
        validity(&directory.join("sets").join(&current.name).join("fullchain.pem"))?;
    InPlace::instead_of(issued, &current.name, Some(from), until)
}

fn validity(path: &Path) -> Option<(Timestamp, Timestamp)> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    let chain = Chain::from_pem(&bytes).ok()?;
    let leaf = chain.certificates().next()?;
    Some((leaf.not_before, leaf.not_after))
}
