//! Which names a public CA puts into certificates: what no order can change is said before it is
//! placed.

use crate::types::DomainName;

/// The longest common name that a certificate can hold, in characters (RFC 5280, appendix A.1).
pub const LONGEST_COMMON_NAME: usize = 64;

/// The most names that DigiCert puts into one certificate. The vendor documents no limit of its own,
/// so that more is a doubt.
pub const MOST_NAMES: usize = 250;

/// Why no certificate will come, or hardly one; fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// No public CA issues for it.
    Never(&'static str),
    /// Hardly anybody can prove it, and it is probably a slip.
    Hardly(&'static str),
}

/// What private networks and programs use and the internet does not (RFC 6761, 6762, 8375; ICANN's
/// board on `internal`, 2024). `example` and `test`, which are as unreal, are what manuals and
/// rehearsals are made of.
const PRIVATE: [&str; 5] = ["local", "localhost", "internal", "invalid", "home.arpa"];

/// Top-level domains that exist in manuals and rehearsals only (RFC 2606).
const REHEARSAL: [&str; 2] = ["example", "test"];

/// What stands in the way of a certificate for `name`, as far as the name alone tells.
pub fn name_fault(name: &DomainName) -> Option<NameFault> {
    let host = name.without_wildcard();
    let is_below = |suffix: &&str| {
        host.strip_suffix(*suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if PRIVATE.iter().any(is_below) {
        return Some(NameFault::Never(
            "it belongs to private networks, and public CAs issue for names of the internet only",
        ));
    }
    // CA/Browser Forum, Baseline Requirements 7.1.4.2.1: not since April 2019.
    if host.contains('_') {
        return Some(NameFault::Never("no public CA puts a name with `_` into a certificate"));
    }
    if REHEARSAL.iter().any(is_below) {
        return None;
    }
    // The list is as old as this program, and new top-level domains come.
    let suffix = psl::suffix(host.as_bytes())?;
    if !suffix.is_known() {
        return Some(NameFault::Hardly("this program knows no such top-level domain"));
    }
    // Who runs a private suffix, such as a host of web sites, owns it.
    let is_suffix = suffix.as_bytes() == host.as_bytes() && suffix.typ() == Some(psl::Type::Icann);
    is_suffix.then_some(NameFault::Hardly("it is a public suffix, below which others own names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str) -> Option<NameFault> {
        name_fault(&DomainName::parse(name).unwrap())
    }

    #[test]
    fn names_of_the_internet_and_of_manuals_are_fine() {
        for name in [
            "example.com",
            "*.example.co.uk",
            "www.example",
            "shop.test",
            "a.b.c.de",
            "xn--mnchen-3ya.example",
            "github.io",
            "*.github.io",
            "notlocal.com",
            "local.example.com",
        ] {
            assert_eq!(fault(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_that_no_public_ca_issues_for_is_told_from_one_that_hardly_anybody_can_prove() {
        for name in
            ["printer.local", "db.internal", "*.home.arpa", "a.localhost", "x.invalid", "a_b.com"]
        {
            assert!(matches!(fault(name), Some(NameFault::Never(_))), "{name}");
        }
        for name in ["co.uk", "*.co.uk", "gov.uk", "www.example.corp", "mail.example.cmo"] {
            assert!(matches!(fault(name), Some(NameFault::Hardly(_))), "{name}");
        }
    }
}
