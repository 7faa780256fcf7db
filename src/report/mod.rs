//! How runs are shown to people and to programs, from their events and nothing else.
//!
//! Live or replayed, the same events give the same text. Reporters make texts; who prints them is
//! the command line.

mod batch_table;
mod certificate_table;
mod columns;
mod explanation;
pub mod forecast;
mod found_records;
pub mod graph;
mod live;
mod metrics;
pub mod preview;
mod progress;
mod recap;
mod remains;
mod result;
mod run_page;
mod run_records;
mod run_table;
mod set_table;
mod style;
mod wording;

pub use batch_table::{BatchLine, batch_table};
pub use certificate_table::{CertificateLine, certificate_table};
pub use explanation::{STANDING, explanation};
pub use found_records::{Fate, FoundRecord, Standing, found_record_lines};
pub use live::{Gauges, LiveView, RequestPace, Silence};
pub use metrics::{BudgetMetric, CertificateMetric, Metrics, WindowMetric, metrics_text};
pub use progress::Progress;
pub use recap::{
    Recap, RecapResult, RecapRow, recap_junit, recap_markdown, recap_table, standstill_reason,
};
pub use remains::remains;
pub use result::{RunResultView, StepView};
pub use run_page::{run_page, timeline};
pub use run_records::{RunRecord, run_records};
pub use run_table::{RunLine, run_table};
pub use set_table::{SetLine, set_table};
pub use style::Style;
pub use wording::parked_note;
