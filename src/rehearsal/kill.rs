//! `Kill`: a moment at which the program dies.

use std::fmt;

/// After which event the program is killed, and when exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// So many events are stored; they are the last that the program stores.
    pub event: u32,
    /// When exactly.
    pub moment: Moment,
}

/// When exactly the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At once: nothing that follows from the event is done.
    AtOnce,
    /// What follows from the event is done, and nobody records it.
    BeforeTheNext,
}

impl fmt::Display for Kill {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.moment {
            Moment::AtOnce => write!(formatter, "right after event {}", self.event),
            Moment::BeforeTheNext => {
                write!(formatter, "after event {}, before the next was stored", self.event)
            }
        }
    }
}
