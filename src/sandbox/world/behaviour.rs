//! `Behaviour`: switches for what the real vendor does where nothing is published, or where
//! several ways were seen. The defaults are the readings that ask most of a client.

use super::ordering::LONGEST_VALIDITY_DAYS;
use super::record::DEFAULT_TTL;

/// How the imitated vendor behaves where the contract is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// Which of the seen envelopes answers come in.
    pub envelope: Envelope,
    /// A refusal for too many requests says when to come again (contract E.7).
    pub retry_after: bool,
    /// How the catalog spells the type of a product.
    pub product_types: ProductTypes,
    /// The catalog says `validation_level` and `organization_required` (contract A.2: older
    /// answers lack both).
    pub levels: bool,
    /// The shape of organization ids.
    pub organization_ids: OrganizationIds,
    /// An organization can be made without all nine fields (contract A.3: all nine were seen).
    pub partial_organizations: bool,
    /// Making an organization that is there already gives that one (contract A.3: not published).
    pub known_organizations: bool,
    /// A replaced organization keeps its id (contract E.9).
    pub replaced_in_place: bool,
    /// What an order for an organization that cannot be used comes to.
    pub unusable_organization: UnusableOrganization,
    /// The term of an order without `validity_days` (contract A.4: not published).
    pub default_validity_days: u16,
    /// What `dns_names` of a certificate shows.
    pub dns_names: DnsNames,
    /// So many looks at a certificate do not show its `validation` (contract D.3).
    pub validation_after_looks: u32,
    /// What shows of a validation that an earlier order still covers.
    pub reuse: ValidationReuse,
    /// Which trailing dots the validation records show.
    pub dots: TrailingDots,
    /// Validation records come in mixed case (contract D.9).
    pub mixed_case: bool,
    /// A staged order names its `pending_reason` (contract D.4: it may be absent).
    pub reasons: bool,
    /// `completion_url` and `pending_reason` linger after they ceased to matter (contract D.5).
    pub stale_hints: bool,
    /// The `pending_reason` of whatever is under way, instead of the known ones (contract D.11).
    pub pending_reason: Option<String>,
    /// The `order_state` of whatever is under way, instead of the known ones (contract D.11).
    pub pending_state: Option<String>,
    /// The status of a revoked certificate (contract A.6: not published).
    pub revoked_status: String,
    /// Completing an order again, with the same organization, succeeds and changes nothing
    /// (contract A.5: not published).
    pub completes_again: bool,
    /// A reissue takes the place of the one that is under way (contract A.8: not published).
    pub replaces_reissues: bool,
    /// A certificate is renewed once only (contract E.5).
    pub renews_once: bool,
    /// How long an order lasts.
    pub contract: ContractTerm,
    /// Issued certificates can be renewed; otherwise `renewal_supported` is false.
    pub renewals: bool,
    /// When certificates begin to be valid.
    pub begin: CertificateBegin,
    /// `certificate_pem_available` waits for the download, too; each look counts as a refused
    /// download (contract A.11: both were seen).
    pub honest_downloads: bool,
    /// An issued certificate shows its `serial_number` (contract A.6: optional).
    pub serial_numbers: bool,
    /// What a download of the `zip` is answered with.
    pub zip: ZipAnswer,
    /// An unknown certificate is answered with 403 (contract A.6: not published).
    pub forbids_unknown: bool,
    /// The list begins with the newest (contract E.1).
    pub newest_first: bool,
    /// The list shows staged orders (contract E.1).
    pub lists_staged: bool,
    /// The list shows orders that ended: cancelled, rejected, expired, revoked (contract E.1).
    pub lists_ended: bool,
    /// The list shows `validation`, `organization` and `reissue` of each (contract E.1).
    pub list_details: bool,
    /// What becomes of a second CNAME with another target.
    pub second_cname: SecondCname,
    /// What counts as a record that exists.
    pub same_record: SameRecord,
    /// Which record a change by name means when there are several.
    pub several_matches: SeveralMatches,
    /// Data without a trailing dot is completed with the name of the zone (contract E.8).
    pub relative_data: bool,
    /// The TTL of a record without a wish (contract E.8).
    pub default_ttl: u32,
    /// Zones show records that the vendor keeps itself, such as NS.
    pub auto_records: bool,
    /// Every so many lists of a zone's records are answered with 500 (contract A.0); 0 is never.
    pub zone_list_failures: u32,
}

/// How the catalog spells the type of a product (contract A.2: both were seen).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProductTypes {
    /// Some as `OV`, some as `ov`.
    #[default]
    Mixed,
    /// `OV`.
    Upper,
    /// `ov`.
    Lower,
}

/// The shape of organization ids (contract A.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrganizationIds {
    /// `hdl_` and 13 characters.
    #[default]
    Public,
    /// Numbers in certificates that were made out to one, as before March 2026.
    NumbersInCertificates,
    /// Numbers everywhere. They are taken as numbers and as texts.
    Numbers,
}

/// What an order for an organization that cannot be used comes to (contract A.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnusableOrganization {
    /// A staged order, as the official client expects.
    #[default]
    Staged,
    /// 400.
    Refused,
}

/// What `dns_names` of a certificate shows (contract E.10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DnsNames {
    /// What was ordered.
    #[default]
    AsOrdered,
    /// The common name, too.
    WithCommonName,
    /// Never the common name.
    WithoutCommonName,
}

/// What becomes of a second CNAME with another target (contract A.12: not published).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecondCname {
    /// 417 with code 15003, as for the same record.
    #[default]
    Exists,
    /// 400.
    Refused,
    /// It is made; what the name servers say then is their own business.
    Made,
}

/// What counts as a record that exists (contract E.8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SameRecord {
    /// Name, type and data.
    #[default]
    Data,
    /// TTL and annotation, too: one that differs there is made.
    Everything,
}

/// Which record a change by name means when there are several (contract E.8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SeveralMatches {
    /// The oldest.
    #[default]
    Oldest,
    /// The newest.
    Newest,
    /// None: 400.
    Refused,
}

/// The envelopes that were seen (contract A.0).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Envelope {
    /// Each as it was seen: success with a code, refusals as documented, the two recorded
    /// refusals as recorded.
    #[default]
    AsSeen,
    /// As recorded: a code always, a message never.
    Coded,
    /// As documented: a message with every refusal, a code never.
    Worded,
}

/// What a download of the `zip` is answered with, although the `pem` is there (contract A.10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ZipAnswer {
    /// The bundle.
    #[default]
    Served,
    /// 404.
    NotFound,
    /// 409.
    NotReady,
}

/// What shows of a validation that an earlier OV order still covers (contract A.7, B.6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ValidationReuse {
    /// No `validation` at all.
    #[default]
    Absent,
    /// A `validation` without records.
    Empty,
    /// Nothing is reused: each order is validated anew.
    Never,
}

/// How long an order lasts (contract A.6, B.6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContractTerm {
    /// A year: several certificates, one after the other, by reissue.
    #[default]
    OneYear,
    /// As long as its certificate.
    Certificate,
}

/// Which trailing dots the validation records show (contract A.7: all three were seen).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrailingDots {
    /// Only the value.
    #[default]
    Value,
    /// Name and value.
    Both,
    /// Neither.
    Neither,
}

/// When certificates begin to be valid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CertificateBegin {
    /// No later than the machine's clock says, so that programs that know nothing of a virtual
    /// clock (`openssl verify`) accept them.
    #[default]
    NoLaterThanMachine,
    /// On the day of their issuance by the sandbox's clock: the same in every run.
    AtIssuance,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            envelope: Envelope::default(),
            retry_after: false,
            product_types: ProductTypes::default(),
            levels: true,
            organization_ids: OrganizationIds::default(),
            partial_organizations: false,
            known_organizations: false,
            replaced_in_place: false,
            unusable_organization: UnusableOrganization::default(),
            default_validity_days: LONGEST_VALIDITY_DAYS,
            dns_names: DnsNames::default(),
            validation_after_looks: 0,
            reuse: ValidationReuse::default(),
            dots: TrailingDots::default(),
            mixed_case: false,
            reasons: true,
            stale_hints: false,
            pending_reason: None,
            pending_state: None,
            revoked_status: "revoked".to_owned(),
            completes_again: false,
            replaces_reissues: false,
            renews_once: false,
            contract: ContractTerm::default(),
            renewals: true,
            begin: CertificateBegin::default(),
            honest_downloads: false,
            serial_numbers: true,
            zip: ZipAnswer::default(),
            forbids_unknown: false,
            newest_first: false,
            lists_staged: true,
            lists_ended: true,
            list_details: true,
            second_cname: SecondCname::default(),
            same_record: SameRecord::default(),
            several_matches: SeveralMatches::default(),
            relative_data: false,
            default_ttl: DEFAULT_TTL,
            auto_records: true,
            zone_list_failures: 0,
        }
    }
}
