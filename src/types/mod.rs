//! The words everything else is written in: ids, domain names, secrets, durations, time.
//!
//! Nothing in here knows a plan, an API or a file. Everything that comes from outside is checked
//! once, when it becomes one of these types, and is trusted from then on.

mod clock;
mod domain_name;
mod duration;
mod id;
mod secret;
mod text;
mod work;

pub use clock::{Busy, Clock, SystemClock, VirtualClock};
pub use domain_name::{DomainName, DomainNameError};
pub use duration::{DurationError, format_duration, parse_duration};
pub use id::{
    BatchId, CertificateId, DigicertOrderId, GroupName, IdError, OrganizationId, RunId, StepId,
    StepMap, TargetName,
};
pub use jiff::Timestamp;
pub use secret::Secret;
pub use text::{machine_word, printable, serialize_machine_word, shorten};
pub use work::{Rest, Work};
