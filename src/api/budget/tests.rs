//! The budget as a whole: what it lets through, who waits, and who goes first.

mod files;
mod gate;
mod windows;
