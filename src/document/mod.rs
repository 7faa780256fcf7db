//! Files that people write in YAML: reading them, and saying everything that is wrong with them.
//!
//! A [`SourceFile`] becomes a tree of nodes that know their places; a decoder takes the tree apart
//! key by key; what is wrong is collected as [`Diagnostics`] and drawn with line and caret. Nothing
//! here knows what the file is for: that is the part of `plan` and of whoever else has a file
//! format. All of it is pure.

pub(crate) mod codes;
pub(crate) mod decode;
pub(crate) mod describe;
pub(crate) mod diagnostic;
pub(crate) mod draw;
pub(crate) mod node;
mod slip;
pub(crate) mod source;
pub(crate) mod suggest;
pub(crate) mod version;
pub(crate) mod yaml;
pub(crate) mod yaml_error;
mod yaml_plain;

pub use codes::{CODES, Code};
pub use describe::describe;
pub use diagnostic::{
    Diagnostic, Diagnostics, Elsewhere, Entry, Label, Related, Severity, SuggestedChange,
    Suggestion,
};
pub use source::{FileLimits, Position, SourceFile, Span};
