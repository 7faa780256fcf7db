//! certplan: a declarative workflow engine for TLS certificates.
//!
//! A *plan* is a YAML file: a graph of *steps* that orders one certificate. A *run* is a plan
//! applied to one *target*; everything that happens to it is an *event*, and its state is the fold
//! of its events. See the module list for the rooms; each says at its door what it must not do.

pub mod action;
pub mod api;
pub mod cli;
pub mod dns;
pub mod document;
pub mod driver;
pub mod engine;
pub mod files;
pub mod graph;
pub mod inventory;
pub mod pki;
pub mod plan;
pub mod rehearsal;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod secrets;
pub mod store;
pub mod tls;
pub mod trial;
pub mod types;
pub mod upkeep;
