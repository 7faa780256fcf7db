//! `Behaviour`: switches for what the real vendor does where nothing is published, or where
//! several ways were seen. The defaults are the readings that ask most of a client.

/// How the imitated vendor behaves where the contract is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// Which of the seen envelopes answers come in.
    pub envelope: Envelope,
    /// What a download of the `zip` is answered with.
    pub zip: ZipAnswer,
    /// What shows of a validation that an earlier order still covers.
    pub reuse: ValidationReuse,
    /// How long an order lasts.
    pub contract: ContractTerm,
    /// Issued certificates can be renewed; otherwise `renewal_supported` is false.
    pub renewals: bool,
    /// A staged order names its `pending_reason` (contract D.4: it may be absent).
    pub reasons: bool,
    /// `completion_url` and `pending_reason` linger after they ceased to matter (contract D.5).
    pub stale_hints: bool,
    /// Which trailing dots the validation records show.
    pub dots: TrailingDots,
    /// Zones show records that the vendor keeps itself, such as NS.
    pub auto_records: bool,
    /// Every so many lists of a zone's records are answered with 500 (contract A.0); 0 is never.
    pub zone_list_failures: u32,
    /// When certificates begin to be valid.
    pub begin: CertificateBegin,
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
            zip: ZipAnswer::default(),
            reuse: ValidationReuse::default(),
            contract: ContractTerm::default(),
            renewals: true,
            reasons: true,
            stale_hints: false,
            dots: TrailingDots::default(),
            auto_records: true,
            zone_list_failures: 0,
            begin: CertificateBegin::default(),
        }
    }
}
