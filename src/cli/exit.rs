//! `ExitCode`: what the program's end says to other programs.

/// The exit codes; also in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Everything asked for is done.
    Success = 0,
    /// A run failed.
    Failed = 1,
    /// Usage, plan or configuration is wrong; nothing was sent.
    Usage = 2,
    /// Of several runs, some failed.
    Partly = 3,
    /// A run waits for a person or the CA; `resume` goes on.
    Parked = 4,
    /// What became of an order is in doubt; a person has to decide.
    InDoubt = 5,
    /// Another process works on it.
    Locked = 6,
    /// Interrupted; `resume` goes on.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
