//! Talking to the certificate API: one HTTP layer, and a client for each service above it.
//!
//! `http` sends one request and says exactly what is known when no answer came; `regfish` knows the
//! service's words. Nothing in here sleeps, repeats a request or writes a file: whether an attempt
//! is repeated is decided by the engine, which records every attempt.

pub mod http;
pub mod regfish;
