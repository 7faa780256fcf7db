//! Inventories: which certificates are to be had, each a *target* with its inputs and its plan.
//!
//! [`InventoryFile::parse`] reads one file (YAML, a CSV table, or a plain list of domains);
//! [`resolve`] puts several files together, checks every target against its plan and gives the
//! [`Inventory`], or everything that is wrong with it; [`Limit`] picks targets out of it. All of it is
//! pure: who has the files and the compiled plans hands them over.

mod folders;
mod gaps;
mod limit;
mod list_file;
mod model;
mod orders;
mod quick;
mod raw;
mod refusals;
mod report;
mod resolve;
mod schema;
mod scope;
mod table_file;
mod validation;
mod yaml_file;

#[cfg(test)]
mod tests;

pub use limit::{Limit, LimitError};
pub use model::{Inventory, PlanPath, Target};
pub use raw::{Format, InventoryFile};
pub use resolve::{KnownPlan, Plans, Resolution, resolve};
pub use schema::inventory_schema;
pub use validation::SHARED_VALIDATION_NAME;
