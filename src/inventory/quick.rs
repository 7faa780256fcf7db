//! Maps for many thousand targets.
//!
//! Every target is looked up a dozen times by short keys, and the inventory is its user's own: a hash
//! that withstands hostile keys is a tenth of the work. This one is seeded for each process.

use std::collections::{HashMap, HashSet};

/// A map with a quick hash.
pub(super) type QuickMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// A set with a quick hash.
pub(super) type QuickSet<T> = HashSet<T, foldhash::fast::RandomState>;
