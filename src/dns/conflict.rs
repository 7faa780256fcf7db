//! Whether a CNAME can be put at a name: it stands alone there or not at all (RFC 1034, 3.6.2).

use hickory_net::proto::rr::{Name, RData, RecordType};

use super::exchange::{absolute, plain, text};
use super::{LookupError, Resolver};

/// The types that are found at names like `_dnsauth`, and are in a CNAME's way.
const NEIGHBOURS: [RecordType; 4] =
    [RecordType::TXT, RecordType::NS, RecordType::A, RecordType::AAAA];

/// A label that nobody uses: what it answers comes from a wildcard.
const UNUSED_LABEL: &str = "certplan-is-there-a-wildcard";

/// What stands at a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing, or only what a wildcard makes up, which gives way to a record.
    Free,
    /// A CNAME.
    Cname {
        /// What it points to.
        target: String,
    },
    /// Something that a CNAME cannot stand beside.
    Other {
        /// Its type.
        kind: String,
        /// What it says.
        value: String,
    },
}

/// Looks what stands at `name`.
pub async fn look(name: &str, resolver: &Resolver) -> Result<Standing, LookupError> {
    let asked = absolute(name)?;
    let sibling = asked
        .base_name()
        .prepend_label(UNUSED_LABEL)
        .map_err(|_| LookupError::Name { name: text(name) })?;
    let kinds = [RecordType::CNAME].into_iter().chain(NEIGHBOURS);
    for kind in kinds {
        let found = values(&asked, kind, resolver).await?;
        let Some(value) = found.first() else { continue };
        if found == values(&sibling, kind, resolver).await? {
            continue;
        }
        let value = value.clone();
        return Ok(match kind {
            RecordType::CNAME => Standing::Cname { target: value },
            _ => Standing::Other { kind: kind.to_string(), value },
        });
    }
    Ok(Standing::Free)
}

/// The records of that name and type, in an order of their own.
async fn values(
    name: &Name,
    kind: RecordType,
    resolver: &Resolver,
) -> Result<Vec<String>, LookupError> {
    let answer = resolver.ask(name, kind).await?;
    let of_kind = answer.at(name).filter(|data| data.record_type() == kind);
    let mut values: Vec<String> = of_kind
        .map(|data| match data {
            RData::CNAME(target) => plain(&target.0),
            other => text(&other.to_string()),
        })
        .collect();
    values.sort();
    Ok(values)
}
